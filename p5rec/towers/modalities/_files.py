"""What modalities of files share, as paths or in a table: read with care, so that a bad one is a sentence, no crash."""

from __future__ import annotations

import base64
import stat
from abc import abstractmethod
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, overload
from urllib.parse import unquote, urlsplit

import numpy as np
from pydantic import Field

from p5rec.core import memo
from p5rec.core.progress import say_once, track
from p5rec.data.features import Column, Features
from p5rec.towers.modalities._projected import Projected, ProjectedConfig

INLINE = "data:"  # how a table holds the bytes themselves
WEB = ("http://", "https://")
LARGE = 1 << 30  # bytes of a file that nobody wants to hold


class BadFileError(Exception):
    """Why a file cannot be read, in a few words."""


def content(told: str, folder: Path) -> bytes:
    """The bytes of a path (below a folder, else as it stands), of a ``data:`` address, or of a web address whose file
    lies in the folder already.

    Raises:
        BadFileError: there are none.
    """
    try:
        if told.startswith(INLINE):
            return base64.b64decode(told.partition(",")[2])
        path = stored(told, folder) if told.startswith(WEB) else _below(told, folder)
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise BadFileError("it is no file")
        if about.st_size > LARGE:
            raise BadFileError(f"{about.st_size:,} bytes are too many")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise BadFileError(getattr(error, "strerror", None) or str(error)) from None


def _below(told: str, folder: Path) -> Path:
    """The path below a folder, or as it stands where only that is there."""
    below, plain = folder / told, Path(told)
    return below if below.exists() or not plain.exists() else plain


def stored(address: str, folder: Path) -> Path:
    """Where the file of a web address lies in a folder: as host/path, by the SHA-256 of the address, or by its name.

    Raises:
        BadFileError: nowhere; nothing is fetched.
    """
    parts = urlsplit(address)
    path = unquote(parts.path).lstrip("/") + (f"?{parts.query}" if parts.query else "")
    names = [f"{parts.netloc}/{path}", sha256(address.encode()).hexdigest(), Path(parts.path).name]
    for place in (folder / name for name in names):
        if place.is_file() and place.resolve().is_relative_to(folder.resolve()):
            return place
    raise BadFileError(f"it is not in the folder {str(folder)!r}, and nothing is fetched")


def told_by(error: Exception) -> str:
    """The first line of what a decoder says."""
    return str(error).partition("\n")[0][:80].replace("<", "").replace(">", "")


class Contents(Sequence[bytes]):
    """The bytes of files, each read when it is looked at: all of them may be more than any memory."""

    def __init__(self, told: Sequence[str], folder: Path) -> None:
        self.told, self.folder = told, folder

    def __len__(self) -> int:
        return len(self.told)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> Contents: ...
    def __getitem__(self, place: int | slice) -> bytes | Contents:
        if isinstance(place, slice):
            return Contents(self.told[place], self.folder)
        return content(self.told[place], self.folder)


def one_by_one(
    files: Sequence[bytes],
    which: Sequence[int],
    net: Callable[[bytes], np.ndarray],
    size: Callable[[], int],
    title: str,
) -> np.ndarray:
    """(M, E) float32 of some of the files, one after the other, as opened ones are large; NaN where one is broken.

    Args:
        files: contents.
        which: their places.
        net: a content → (E,).
        size: E, asked where all are broken.
        title: of the progress bar.
    """
    found: list[np.ndarray | None] = []
    for place in track(which, title):
        try:
            found.append(net(files[place]))
        except BadFileError:
            found.append(None)
    width = next((len(one) for one in found if one is not None), None)
    width = size() if width is None else width
    return np.stack([np.full(width, np.nan, dtype=np.float32) if one is None else one for one in found])


class FiledConfig(ProjectedConfig):
    """Settings of a modality of files."""

    folder: str = Field(
        "",
        description="folder that paths are relative to, and where files of web addresses lie already (as host/path, by "
        "the SHA-256 of the address, or by name); else that of the item table, or the working folder",
    )


class Filed(Projected):
    """Columns of files, made into vectors once and kept by content. One that cannot be read is a missing part.

    Attributes:
        noun: what they are.
    """

    Config = FiledConfig
    noun: ClassVar[str]

    @abstractmethod
    def encoded(self, files: Sequence[bytes], keys: Sequence[bytes]) -> np.ndarray:
        """(N, E) float32, N ≥ 1, one vector a content, by their hashes; NaN where it is broken."""

    @abstractmethod
    def examine(self, data: bytes) -> None:
        """See whether a content can be read.

        Raises:
            BadFileError: why not.
        """

    def vectors(self, features: Features) -> list[np.ndarray]:
        """One vector of each row that has a file, column by column."""
        return [self._of_column(name, column) for name, column in features.columns.items()]

    def _of_column(self, name: str, column: Column) -> np.ndarray:
        told = {row: str(one) for row, one in enumerate(np.asarray(column.values)) if one is not None}
        files, keys, bad = Contents(list(told.values()), Path(self.config.folder)), {}, {}
        for place, row in enumerate(told):
            try:
                keys[row] = memo.digest(files[place])
            except BadFileError as error:
                bad[row] = str(error)
        kept = list(keys)
        files = Contents([told[row] for row in kept], files.folder)
        found = self.encoded(files, list(keys.values())) if kept else self.encoded([b""], [memo.digest(b"")])
        vectors = np.full((len(column), found.shape[1]), np.nan, dtype=np.float32)
        vectors[kept] = found[: len(kept)]
        broken = [row for row in kept if np.isnan(vectors[row]).any()]
        if bad or broken:
            row = next(iter(bad), broken[0] if broken else -1)
            why = bad.get(row) or self._why(files, kept.index(row))
            count = f"{len(bad) + len(broken)} of {len(told)} {self.noun}"
            say_once(f"{name}: {count} cannot be read and count as missing, e.g. {told[row][:60]} ({why})")
        return vectors

    def _why(self, files: Sequence[bytes], place: int) -> str:
        try:
            self.examine(files[place])
        except BadFileError as error:
            return str(error)
        return "its vector is not finite"
