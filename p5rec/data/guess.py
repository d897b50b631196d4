"""Which source a path is for, told from its name and first bytes."""

from __future__ import annotations

from pathlib import Path

from p5rec.data.names import plain
from p5rec.data.read import file_format, files, first_bytes

ATOMIC = (".inter", ".user", ".item")
REVIEW_FIELDS = (b'"reviewerID"', b'"parent_asin"', b'"overall"')


def guess(path: str | Path) -> str:
    """Name of the source that reads a path.

    Raises:
        InputError: there is nothing at the path.
    """
    place = Path(path)
    if place.is_dir():
        return _folder(place)
    if place.name in ("u.data", "ratings.dat") or (place.suffix == ".zip" and place.name.startswith("ml-")):
        return "movielens"
    first = files(path)[0]
    if first.suffix in ATOMIC:
        return "atomic"
    head = first_bytes(first)
    if file_format(first) == "jsonl":
        return "amazon" if any(field in head for field in REVIEW_FIELDS) else "table"
    return "sequences" if file_format(first) == "csv" and _is_sequences(first, head) else "table"


def _folder(place: Path) -> str:
    names = {file.name for file in place.iterdir()}
    if {"u.data", "ratings.dat", "ratings.csv"} & names or "ml-100k.inter" in names:
        return "movielens"
    return "atomic" if any(Path(name).suffix == ".inter" for name in names) else "table"


def _is_sequences(path: Path, head: bytes) -> bool:
    """Lines of words of different number, without a header or separators."""
    lines = head.decode("utf-8", "replace").splitlines()[: -1 or None][:50]
    if path.suffix.lower() in (".csv", ".tsv", ".tab", ".parquet") or not lines:
        return False
    if any(sign in lines[0] for sign in ",;|\t") or plain(lines[0].split(" ")[0]) in ("userid", "user"):
        return False
    return len({len(line.split()) for line in lines}) > 1 or len(lines[0].split()) > 4
