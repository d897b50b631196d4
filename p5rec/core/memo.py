"""Vectors that took long to make, kept by the hash of what they were made from, so that no one makes them twice."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from p5rec.core import artifact

CACHE = "P5REC_CACHE"  # the folder of what can be made again; without it, the user's own cache
SIZE = 16  # bytes of a hash
CHUNK = 1 << 24


def folder() -> Path:
    """Where things are kept that can be made again."""
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p5rec"
    return Path(os.environ.get(CACHE) or own)


def digest(content: bytes | str) -> bytes:
    """(16,) the hash of a content."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return hashlib.blake2b(data, digest_size=SIZE).digest()


def digest_files(files: Sequence[Path], *settings: object) -> str:
    """The hash of the content of files, and of settings, in hexadecimal: the name of a maker."""
    total = hashlib.blake2b(repr(settings).encode(), digest_size=SIZE)
    for path in files:
        total.update(path.name.encode())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                total.update(chunk)
    return total.hexdigest()


def remembered(
    maker: str, keys: Sequence[bytes], make: Callable[[list[int]], np.ndarray], place: Path | None = None
) -> np.ndarray:
    """(N, E) float32: the vectors of N contents, in the order of their hashes.

    Args:
        maker: what makes them, by the hash of all that it is.
        keys: the hashes of the contents.
        make: called once with the places of those that nobody has made before, each content once; gives (M, E).
        place: folder to keep them in, else `folder`.
    """
    kept = (place or folder()) / "vectors" / maker
    known, vectors = _load(kept)
    wanted: dict[bytes, int] = {}
    for n, key in enumerate(keys):
        if key not in known:
            wanted.setdefault(key, n)
    fresh = list(wanted.values())
    if fresh:
        made = np.asarray(make(fresh), dtype=np.float32)
        _save(kept, [keys[n] for n in fresh], made)
        vectors = made if not known else np.concatenate([vectors, made])
        known = known | {keys[n]: len(known) + row for row, n in enumerate(fresh)}
    return vectors[[known[key] for key in keys]] if keys else vectors[:0]


def _load(kept: Path) -> tuple[dict[bytes, int], np.ndarray]:
    """Hash → row, and the rows, of all that is kept; a file that cannot be read counts as not there."""
    names, rows = [], []
    for path in sorted(kept.glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as shard:
                one, other = shard["keys"], shard["vectors"]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            continue
        names += [bytes(key) for key in one]
        rows.append(other)
    first: dict[bytes, int] = {}
    for row, name in enumerate(names):
        first.setdefault(name, row)
    order = list(first.values())
    vectors = np.concatenate(rows)[order] if rows else np.zeros((0, 0), dtype=np.float32)
    return {name: row for row, name in enumerate(first)}, vectors


def _save(kept: Path, keys: Sequence[bytes], vectors: np.ndarray) -> None:
    """One more file, beside those of others who make the same at the same time."""
    kept.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    np.savez(data, keys=np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, SIZE), vectors=vectors)
    artifact.write_file(kept / f"{digest(b''.join(keys)).hex()}.npz", data.getvalue())
