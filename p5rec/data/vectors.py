"""Vectors of items that others made: .npy files in the order of the item table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from p5rec.core.errors import InputError
from p5rec.data.read import Scan, first_bytes

MAGIC = b"\x93NUMPY"  # the first bytes of a .npy file


def with_vectors(items: Scan | None, paths: Mapping[str, str]) -> tuple[Scan | None, list[str]]:
    """The item table with a further column for each file, and notes on what is missing in them.

    Raises:
        InputError: there is no item table, a column of the name is there already, or a file does not hold a finite
            vector for each row; all together.
    """
    if not paths:
        return items, []
    if items is None:
        raise InputError("item_vectors: vectors stand in the order of the item table; give its path as items too")
    frame = items.frame.collect(engine="streaming")
    faults = [
        f"item_vectors.{name}: {items.name} has a column {name!r} already; give the vectors another name"
        for name in paths
        if name in frame.columns
    ]
    columns, notes = [], []
    for name, path in paths.items():
        try:
            values = _read(Path(path), len(frame), items.name)
        except InputError as error:
            faults += error.faults
            continue
        columns.append(pl.Series(name, values, dtype=pl.Array(pl.Float32, values.shape[1])))
        notes += _note(path, values)
    if faults:
        raise InputError(faults)
    return Scan(frame.with_columns(columns).lazy(), items.name, len(frame)), notes


def _read(path: Path, count: int, where: str) -> np.ndarray:
    """(count, E) float32."""
    values = _loaded(path)
    if values.ndim != 2 or len(values) != count or not values.shape[1]:
        raise InputError(
            f"{path}: found shape {values.shape}, expected ({count}, width), a vector for each row of {where}"
        )
    if values.dtype.kind not in "fiub":
        raise InputError(f"{path}: found values of type {values.dtype}, expected real numbers")
    with np.errstate(over="ignore"):
        vectors = values.astype(np.float32)
    if len(rows := np.flatnonzero(np.isinf(vectors).any(1))):
        value = values[rows[0]][np.isinf(vectors[rows[0]])][0]
        raise InputError(
            f"{path}: row {rows[0] + 1} holds {value:g}, and {len(rows)} rows such numbers, expected finite ones "
            "that fit 32 bits; mark missing vectors by NaN"
        )
    if np.isnan(vectors).any(1).all():
        raise InputError(f"{path}: every row holds NaN, so that all vectors are missing; expected at least one whole")
    return vectors


def _loaded(path: Path) -> np.ndarray:
    form = "expected a .npy file of (rows, width) numbers, as numpy.save writes it"
    if not path.exists():
        raise InputError(f"{path}: there is no such file; {form}")
    if first_bytes(path, len(MAGIC)) != MAGIC:
        raise InputError(f"{path}: this is not a .npy file; {form}")
    try:
        found: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise InputError(f"{path}: this file is cut off or holds no plain numbers; {form}") from None
    return found


def _note(path: str, vectors: np.ndarray) -> list[str]:
    """A sentence on rows that are NaN in part, which hardly anybody means; rows of NaN alone are missing as told."""
    known = ~np.isnan(vectors)
    count = int((known.any(1) & ~known.all(1)).sum())
    return [f"{path}: {count} of {len(vectors)} vectors are NaN in part and count as missing"] if count else []
