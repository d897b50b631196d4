"""Files and frames as lazy tables: CSV, TSV, Parquet, JSON lines, gzipped or not, one or several."""

from __future__ import annotations

import csv
import glob
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from itertools import islice
from pathlib import Path
from typing import IO, Any

import polars as pl

from p5rec.core.errors import InputError

SUFFIXES = {".csv": "csv", ".tsv": "csv", ".tab": "csv", ".parquet": "parquet", ".pq": "parquet"}
SUFFIXES |= {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
SEPARATORS = "\t,;|"
SAMPLE = 1 << 16  # bytes looked at to guess separators and row counts
INFERRED = 10_000  # rows whose types are looked at
SQUEEZE = 4  # usual ratio of gzipped text
MARKS = (b"\xff\xfe", b"\xfe\xff")  # the first bytes of text in UTF-16


@dataclass(frozen=True)
class Scan:
    """A lazy table and where it came from.

    Attributes:
        frame: lazy rows; columns of text files are strings, read as what the schema says later.
        name: the file (or files) as the user named it, for messages.
        rows: about how many rows, 0 if unknown.
        text: every column is text, so kinds show only in the values.
    """

    frame: pl.LazyFrame
    name: str
    rows: int = 0
    text: bool = False


def scan(path: str | Path) -> Scan:
    """Open a file, several by a glob, or all tables of a folder.

    Raises:
        InputError: nothing there, empty, or not what its name promises.
    """
    paths = files(path)
    formats = {file: file_format(file) for file in paths}
    if len(set(formats.values())) > 1:
        raise InputError(f"{path}: these files have several formats ({', '.join(sorted(set(formats.values())))})")
    reader: Callable[[list[Path], str], Scan] = {"csv": _csv, "parquet": _parquet, "jsonl": _jsonl}[formats[paths[0]]]
    with named(str(path)):
        found = reader(paths, str(path))
        found.frame.collect_schema()
    return found


def files(path: str | Path) -> list[Path]:
    """The files a path, folder or glob stands for, sorted.

    Raises:
        InputError: there are none, or one of them is empty or text in UTF-16.
    """
    text, place = str(path), Path(path)
    found = [place]
    if place.is_dir():
        found = sorted(file for file in place.iterdir() if _suffix(file) in SUFFIXES)
    elif not place.exists() and any(sign in text for sign in "*?["):
        found = sorted(Path(name) for name in glob.glob(text))
    if not found:
        raise InputError(f"{path}: no table found there; expected CSV, TSV, Parquet or JSON lines")
    faults = [f"{file}: there is no such file" for file in found if not file.exists()]
    faults += [f"{file}: this file is empty; expected a table" for file in found if file.is_file() and _empty(file)]
    faults += [
        f"{file}: the text is UTF-16, expected UTF-8; convert it, e.g. with iconv -f utf-16 -t utf-8"
        for file in found
        if file.is_file() and first_bytes(file, 2) in MARKS
    ]
    if faults:
        raise InputError(faults)
    return found


def file_format(path: Path) -> str:
    """csv, parquet or jsonl, by name, else by the first bytes."""
    known = SUFFIXES.get(_suffix(path))
    if known:
        return known
    head = first_bytes(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if head.lstrip().startswith(b"{") else "csv"


def first_bytes(path: Path, count: int = SAMPLE) -> bytes:
    """The first bytes of a file, unzipped.

    Raises:
        InputError: the file cannot be read, or is called .gz and is not.
    """
    try:
        with opened(path) as file:
            return file.read(count)
    except (EOFError, zlib.error):
        raise InputError(_cut(str(path))) from None
    except OSError as error:
        raise InputError(f"{path}: this file cannot be read ({error})") from None


def opened(path: Path) -> IO[bytes]:
    """Open to read bytes, unzipping ``.gz``."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def collect(frame: pl.LazyFrame, where: str) -> pl.DataFrame:
    """Run a lazy table on the streaming engine; faults of the file become sentences."""
    with named(where):
        return frame.collect(engine="streaming")


@contextmanager
def named(where: str) -> Iterator[None]:
    """Turn what the table library raises into a sentence that names the file."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(_sentence(where, error)) from None


def _sentence(where: str, error: Exception) -> str:
    text = str(error).split("\n")[0]
    if "unexpected end of file" in text or "corrupt deflate" in text or "Compressed file ended" in text:
        return _cut(where)
    if "parquet" in text.lower():
        return f"{where}: this is not a Parquet file ({text}); expected one that begins and ends with PAR1"
    if fault := _late_json(where):
        return fault
    if "more fields than" in text:
        return f"{where}: {long_row(where)}"
    if "utf-8" in text.lower() or "utf8" in text.lower():
        return f"{where}: the text is not UTF-8 ({text}); convert it, e.g. with iconv -f latin1 -t utf-8"
    if isinstance(error, pl.exceptions.NoDataError):
        return f"{where}: this file is empty; expected a table"
    return f"{where}: this file cannot be read ({text})"


def _late_json(where: str) -> str:
    """The first line that is not JSON, where the file was fine at its beginning."""
    path = Path(where)
    return next(_bad_json(path), "") if path.is_file() and file_format(path) == "jsonl" else ""


def _cut(where: str) -> str:
    return (
        f"{where}: this gzip file ends in the middle (it is cut off or damaged); expected a whole file, fetch it again"
    )


def long_row(where: str) -> str:
    """Which row of a CSV has more fields than the header."""
    path = Path(where)
    if not path.is_file():
        return "a row has more fields than the header"
    separator = separator_of(path)
    with opened(path) as file:
        rows = csv.reader((line.decode("utf-8", "replace") for line in file), delimiter=separator)
        width = len(next(rows))
        for number, row in enumerate(rows, 1):
            if len(row) > width:
                return f"row {number} has {len(row)} fields, the header has {width}; expected as many"
    return "a row has more fields than the header"


def separator_of(path: Path) -> str:
    """The separator of a text table: by name, else the one that occurs most in the first line."""
    if _suffix(path) in (".tsv", ".tab"):
        return "\t"
    line = first_bytes(path).split(b"\n")[0].decode("utf-8", "replace")
    return max(SEPARATORS, key=line.count) if any(sign in line for sign in SEPARATORS) else ","


def csv_rows(paths: list[Path]) -> int:
    """About how many lines text files have, from their sizes and first lines."""
    total = 0
    for path in paths:
        head = first_bytes(path)
        size = path.stat().st_size * (SQUEEZE if path.suffix == ".gz" else 1)
        total += max(round(size / len(head) * head.count(b"\n")), 1) if len(head) == SAMPLE else head.count(b"\n")
    return total


def _csv(paths: list[Path], name: str) -> Scan:
    separator = separator_of(paths[0])
    line = first_bytes(paths[0]).split(b"\n")[0].decode("utf-8", "replace")
    header = next(csv.reader([line], delimiter=separator), [])
    if repeated := sorted({column for column in header if header.count(column) > 1}):
        raise InputError(f"{name}: the column {repeated[0]!r} occurs {header.count(repeated[0])} times; rename one")
    frame = pl.scan_csv(paths, separator=separator, infer_schema=False, glob=False)
    return Scan(frame, name, csv_rows(paths), text=True)


def _parquet(paths: list[Path], name: str) -> Scan:
    frame = pl.scan_parquet(paths, glob=False)
    return Scan(frame, name, int(frame.select(pl.len()).collect().item()))


def _jsonl(paths: list[Path], name: str) -> Scan:
    """Plain values are read as text, so that one of another type is a fault of its row and not of the file."""
    if faults := [fault for path in paths for fault in _bad_json(path, INFERRED)]:
        raise InputError(faults)
    plain = [escape(str(path)) for path in paths]  # a name is no pattern
    found = pl.scan_ndjson(plain, infer_schema_length=INFERRED).collect_schema()
    types = {column: dtype if dtype.is_nested() else pl.String() for column, dtype in found.items()}
    return Scan(pl.scan_ndjson(plain, schema=types), name, csv_rows(paths), text=True)


def _bad_json(path: Path, limit: int | None = None) -> Iterator[str]:
    """A sentence for each line that is not a JSON object."""
    with opened(path) as file:
        for number, line in enumerate(islice(file, limit), 1):
            try:
                if line.strip() and not isinstance(json.loads(line), dict):
                    shown = line[:40].decode("utf-8", "replace")
                    yield f"{path}: row {number} is no JSON object ({shown!r}); expected one a line"
            except ValueError as error:
                yield f"{path}: row {number} is not JSON ({error}); expected one object a line"


def _suffix(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def _empty(path: Path) -> bool:
    return path.stat().st_size == 0 or (path.suffix == ".gz" and not first_bytes(path, 1))


def from_frame(frame: Any, name: str = "frame") -> Scan:
    """A pandas or polars frame (lazy or not) as a table.

    Raises:
        InputError: it is neither, or a column mixes types.
    """
    if isinstance(frame, pl.LazyFrame):
        return Scan(frame, name)
    if isinstance(frame, pl.DataFrame):
        return Scan(frame.lazy(), name, len(frame))
    if not hasattr(frame, "columns"):
        raise InputError(f"{name}: found a {type(frame).__name__}, expected a pandas or polars frame")
    faults = [fault for column in frame.columns if (fault := _mixed(frame[column], str(column), name))]
    if faults:
        raise InputError(faults)
    return Scan(pl.from_pandas(frame).lazy(), name, len(frame))


def _mixed(values: Any, column: str, name: str) -> str | None:
    """A pandas column of objects that holds both numbers and text."""
    if str(values.dtype) != "object":
        return None
    kinds = values.map(lambda value: type(value).__name__ if value is not None and value == value else "")
    kinds = kinds[kinds != ""]
    odd = kinds[kinds != kinds.iloc[0]] if len(kinds) else kinds
    if not len(odd) or {*kinds.unique()} & {"list", "ndarray", "tuple", "dict"}:
        return None
    row = values.index.get_loc(odd.index[0])
    return (
        f"{name}: row {int(row) + 1}, column {column!r}: found {values.iloc[int(row)]!r} ({odd.iloc[0]}) "
        f"among values of type {kinds.iloc[0]}; expected one type in a column"
    )
