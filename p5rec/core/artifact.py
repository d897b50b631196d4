"""Folders that are whole or absent: written beside and renamed, with the marker written last."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from p5rec.core.errors import InputError

MARKER = "artifact.json"
FORMAT = 1  # raised when a reader of the old format would misread the new one
PACKAGES = ("p5rec", "torch", "numpy", "scipy", "polars", "pyarrow", "lightning", "safetensors")


@contextmanager
def writing(folder: Path, kind: str) -> Iterator[Path]:
    """Yield a fresh folder beside `folder`; when the block ends well it takes the place of `folder`.

    A block that raises leaves nothing behind and the old folder as it was.

    Raises:
        InputError: something stands there that is no artifact of this kind, see `free`.
    """
    free(folder, kind)
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        _replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def free(folder: Path, kind: str) -> None:
    """See that a folder may be written: it is missing, empty, or an artifact of this kind, which is replaced.

    Raises:
        InputError: it is a file, or holds something else, which must not be lost.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: this is a file; expected a folder to write a {kind} to, or a new name")
    if not folder.exists() or not any(folder.iterdir()):
        return
    try:
        found = json.loads((folder / MARKER).read_text(encoding="utf-8")).get("kind")
    except (OSError, ValueError, AttributeError):
        found = None
    if found != kind:
        held = f"a {found}" if found else "something that p5rec did not make"
        raise InputError(
            f"{folder}: this folder holds {held}, and writing a {kind} would remove it; name a new or empty folder"
        )


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file beside and rename it, so that a reader sees the old or the new one, never a part."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    data = content.encode() if isinstance(content, str) else content
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write JSON (sorted as given, indented), beside and renamed."""
    write_file(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def mark(folder: Path, kind: str, facts: Mapping[str, Any]) -> None:
    """Write the marker, the last act of making an artifact."""
    write_json(folder / MARKER, {"format": FORMAT, "kind": kind, "versions": versions(), **facts})


def read_marker(folder: Path, kind: str) -> dict[str, Any]:
    """The facts of a finished artifact.

    Raises:
        InputError: the folder is missing, unfinished, of another kind or of a later format.
    """
    path = folder / MARKER
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; expected a {kind} made by p5rec")
    if not path.is_file():
        raise InputError(f"{folder}: this {kind} was never finished (no {MARKER}); run the command that makes it again")
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: this marker is damaged ({error}); make the {kind} again") from None
    if facts.get("kind") != kind:
        raise InputError(f"{folder}: found a {facts.get('kind')}, expected a {kind}")
    if facts["format"] > FORMAT:
        raise InputError(
            f"{folder}: this {kind} has format {facts['format']}, this p5rec reads up to {FORMAT}; upgrade p5rec"
        )
    return facts


def versions() -> dict[str, str]:
    """Versions of the packages that made an artifact."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _replace(beside: Path, folder: Path) -> None:
    """Rename `beside` to `folder`; an old folder is moved away first and removed last."""
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    try:
        beside.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
