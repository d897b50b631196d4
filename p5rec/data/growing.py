"""New users and items join a prepared dataset behind the old ones, encoded with the fitted levels and scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from p5rec.core.errors import InputError, nearest
from p5rec.data.dataset import Dataset
from p5rec.data.encode import (
    EXPECTED,
    LARGEST,
    RARE,
    as_lists,
    as_seconds,
    as_text,
    plain_column,
    ragged_levels,
    scaled,
    years_before,
)
from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.data.schema import ColumnSchema, Role
from p5rec.data.sides import ident_of

AGE = "_age"
SHOWN = 80  # characters of a value that a sentence shows


def grow(dataset: Dataset, users: Sequence[str] = (), items: Sequence[Mapping[str, Any]] = ()) -> Dataset:
    """A dataset with further users and items; old numbers, rows and events stay as they are.

    Args:
        dataset: may be memory-mapped; it is not changed.
        users: ids.
        items: raw rows of the item table, the id under ``item_id`` or the table's own name for it; fields may be
            missing. Known ids are passed over.

    Raises:
        InputError: a row has no id, an unknown field or a value of the wrong type; all faults together.
    """
    if found := faults(dataset, items):
        raise InputError(found)
    ident = _ident(dataset)
    rows = _named(items, ident)
    keyed = {str(row[ident]): row for row in reversed(rows)}  # the first row of an id counts
    new = [key for key in dict.fromkeys(str(row[ident]) for row in rows) if dataset.items.number(key) < 0]
    table = [keyed[key] for key in new]
    fresh = [key for key in dict.fromkeys(users) if dataset.users.number(key) < 0]
    clock = int(dataset.facts.get("clock", -1))
    return replace(
        dataset,
        users=dataset.users.grown(fresh),
        items=dataset.items.grown(new),
        bounds=np.concatenate([dataset.bounds, np.full((len(fresh), 6), len(dataset.events["item"]), dtype=np.int64)]),
        user_features=_grown(dataset.user_features, [{}] * len(fresh), clock),
        item_features=_grown(dataset.item_features, table, clock),
    )


def faults(dataset: Dataset, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """What keeps rows of the item table from joining, one sentence each; see `grow`."""
    columns, ident = dataset.schema.items, _ident(dataset)
    widths = {
        name: column.values.shape[1]
        for name, column in dataset.item_features.of_kind(Kind.VECTOR).items()
        if isinstance(column.values, np.ndarray)
    }
    found, unknown = [], set()
    for number, row in enumerate(_named(items, ident), 1):
        key = row.get(ident)
        if key is None or str(key) == "":
            found.append(f"item row {number}: there is no {ident}; expected the id of the new item")
        for name, value in row.items():
            if name == ident or name in unknown:
                continue
            if name not in columns:
                unknown.add(name)  # a table has it in every row, and it is one fault
                found.append(f"item row {number}: there is no item column {name!r}; {nearest(name, columns)}")
            elif expected := _wrong(value, columns[name], widths.get(name)):
                found.append(f"item row {number}, column {name!r}: found {_short(value)}, expected {expected}")
    return found


def _ident(dataset: Dataset) -> str:
    columns = dataset.schema.items
    return ident_of(columns) if columns else "item_id"


def _named(items: Sequence[Mapping[str, Any]], ident: str) -> list[dict[str, Any]]:
    """The rows with the table's own name of the id."""
    return [{ident if name == "item_id" else name: value for name, value in row.items()} for row in items]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _wrong(value: Any, column: ColumnSchema, width: int | None) -> str | None:
    """What was expected, where a value does not have the kind of its column."""
    if value is None or column.role == Role.IGNORE:
        return None
    if column.kind == Kind.NUMBER:
        return None if _is_number(value) else EXPECTED
    if column.kind == Kind.VECTOR:
        if not isinstance(value, list) or not all(map(_is_number, value)):
            return f"a list of numbers, each {EXPECTED}"
        return None if width in (None, len(value)) else f"{width} numbers, not {len(value)}"
    if column.kind == Kind.LIST:
        return None if isinstance(value, list | str) else "a list"
    if isinstance(value, list | dict):
        return "one value"
    return "a time" if column.kind == Kind.TIME and not _is_time(value) else None


def _is_time(value: Any) -> bool:
    try:
        return bool(as_seconds(pl.Series("time", [value]))[0] != -1)
    except (InputError, pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
        return False


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and abs(float(value)) <= LARGEST  # NaN is none
    except (TypeError, ValueError, OverflowError):
        return False


def _grown(features: Features, rows: Sequence[Mapping[str, Any]], clock: int) -> Features:
    if not rows:
        return features
    columns = {}
    for name, column in features.columns.items():
        base = name.removesuffix(AGE)
        if name != base and base in features.columns and features.columns[base].kind == Kind.TIME:
            seconds = _encoded(features.columns[base], [row.get(base) for row in rows]).values
            assert isinstance(seconds, np.ndarray)
            added = replace(column, values=scaled(years_before(seconds, clock), column.scale))
        else:
            added = _encoded(column, [row.get(name) for row in rows])
        columns[name] = _stacked(column, added)
    return Features(features.count + len(rows), columns)


def _encoded(column: Column, raw: list[Any]) -> Column:
    """Raw values with the levels and scale of a fitted column; unknown levels are appended."""
    if column.kind == Kind.NUMBER:
        numbers = np.array([np.nan if value is None else float(value) for value in raw])
        return replace(column, values=scaled(numbers, column.scale))
    if column.kind == Kind.CATEGORY:
        texts = as_text(_series(raw)).to_list()
        levels = _levels(column, texts)
        lookup = {name: number for number, name in enumerate(levels)}
        codes = np.array([-1 if text is None else lookup[text] for text in texts], dtype=np.int32)
        return replace(column, values=codes, levels=levels)
    if column.kind == Kind.LIST:
        return _lists(column, raw)
    if column.kind == Kind.LINK:
        return replace(column, values=Ragged.of([[]] * len(raw), np.int32))  # who comes later is linked to nothing yet
    if column.kind == Kind.VECTOR:
        return replace(column, values=_vectors(column, raw))
    return plain_column(_series(raw) if column.kind != Kind.TIME else pl.Series("time", raw, strict=False), column.kind)


def _series(raw: list[Any]) -> pl.Series:
    return pl.Series("value", [None if value is None else str(value) for value in raw], dtype=pl.String)


def _levels(column: Column, names: Sequence[str | None]) -> tuple[str, ...]:
    """The old levels and the new names behind them."""
    known = {*column.levels, RARE}
    return column.levels + tuple(dict.fromkeys(name for name in names if name is not None and name not in known))


def _lists(column: Column, raw: list[Any]) -> Column:
    split = [as_lists(_series([value])).to_list()[0] if isinstance(value, str) else value for value in raw]
    flat = [(row, str(part)) for row, parts in enumerate(split) for part in parts or () if part is not None]
    texts = as_text(_series([part for _, part in flat])).to_list()
    levels = _levels(column, texts)
    lookup = {name: number for number, name in enumerate(levels)}
    codes = np.array([-1 if text is None else lookup[text] for text in texts], dtype=np.int64)
    rows = np.array([row for row, _ in flat], dtype=np.int64)
    return replace(column, values=ragged_levels(rows, codes, len(raw)), levels=levels)


def _vectors(column: Column, raw: list[Any]) -> np.ndarray:
    assert isinstance(column.values, np.ndarray)
    width = column.values.shape[1]
    return np.array([[np.nan] * width if value is None else value for value in raw], dtype=np.float32)


def _stacked(old: Column, new: Column) -> Column:
    """The rows of both, with the levels of the new one, which begin with the old."""
    if isinstance(old.values, Ragged):
        assert isinstance(new.values, Ragged)
        return replace(new, values=_below(old.values, new.values))
    assert isinstance(new.values, np.ndarray)
    return replace(new, values=np.concatenate([old.values, new.values]))


def _below(first: Ragged, second: Ragged) -> Ragged:
    """The rows of `first`, then those of `second`."""
    first, second = first.compact(), second.compact()
    shift = len(first.values)
    return Ragged(
        np.concatenate([first.values, second.values]),
        np.concatenate([first.starts, second.starts + shift]),
        np.concatenate([first.stops, second.stops + shift]),
    )
