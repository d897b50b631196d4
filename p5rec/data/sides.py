"""The user and item tables, in memory: one row an id, checked against the ids of the events."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from p5rec.core.errors import SHOWN, InputError
from p5rec.data import times
from p5rec.data.events import Tables
from p5rec.data.features import Kind
from p5rec.data.filtering import Dropped
from p5rec.data.intake import as_id
from p5rec.data.read import collect
from p5rec.data.schema import ColumnSchema, Role

FILES = (Kind.IMAGE, Kind.AUDIO)


def ident_of(columns: Mapping[str, ColumnSchema]) -> str:
    """The column that names the rows of a user or item table."""
    return next(name for name, column in columns.items() if column.kind == Kind.ID and column.role != Role.IGNORE)


def side(tables: Tables, name: str, dropped: list[Dropped]) -> pl.DataFrame | None:
    """A user or item table, ids as text, the first row of each id; None without one.

    Raises:
        InputError: a row has no id; all such rows together.
    """
    frame: pl.LazyFrame | None = getattr(tables, name)
    columns: Mapping[str, ColumnSchema] = getattr(tables.schema, name)
    if frame is None:
        return None
    where, ident = tables.facts.get(name, name), ident_of(columns)
    kept = [column for column, about in columns.items() if about.role != Role.IGNORE]
    table = collect(frame.select(kept), where)
    table = table.with_columns(as_id(ident, table.schema[ident]))
    if faults := _faults(table, ident, columns, where):
        raise InputError(faults)
    unique = table.unique(ident, keep="first", maintain_order=True)
    if len(unique) < len(table):
        reason = "the id occurs again in its table, where the first row counts"
        dropped.append(Dropped(f"{name} table", reason, len(table) - len(unique)))
    return beside(unique, columns, Path(where).parent)


def beside(table: pl.DataFrame, columns: Mapping[str, ColumnSchema], folder: Path) -> pl.DataFrame:
    """The table with whole paths of the files that lie in its folder, so that they are found from elsewhere."""

    def whole(paths: pl.Series) -> pl.Series:
        found = [str((folder / one).resolve()) if one and (folder / one).is_file() else one for one in paths]
        return pl.Series(paths.name, found, dtype=pl.String)

    files = [name for name, column in columns.items() if column.kind in FILES]
    return table.with_columns(whole(table[name]) for name in files if table.schema.get(name) == pl.String)


def _faults(table: pl.DataFrame, ident: str, columns: Mapping[str, ColumnSchema], where: str) -> list[str]:
    """Rows without an id, and values that are no numbers or times where the column is of such."""
    faults = []
    for name in table.columns:
        values = table[name]
        bad, expected = values.is_null(), "an id that is not empty"
        if name != ident:
            if values.dtype != pl.String or columns[name].kind not in (Kind.NUMBER, Kind.TIME):
                continue
            values = values.str.strip_chars().replace("", None)
            reader, expected = pl.col(name).cast(pl.Float64, strict=False), "a number"
            if columns[name].kind == Kind.TIME:
                reader, expected = times.reading(values.drop_nulls().head(1000))[0], "a time"
            read = values.to_frame().select(reader.alias("read")).to_series()
            bad = values.is_not_null() & read.is_null()
        for row in np.flatnonzero(bad.to_numpy()):
            found = "nothing" if values[int(row)] is None else repr(values[int(row)])[:80]
            faults.append(f"{where}: row {row + 1}, column {name!r}: found {found}, expected {expected}")
    return faults


def unmatched(table: pl.DataFrame, ident: str, keys: pl.Series, where: str, what: str) -> str | None:
    """A sentence on ids of the events that a table misses; None where it has all.

    Raises:
        InputError: it has none of them, so ids are surely written differently.
    """
    missing = keys.filter(~keys.is_in(table[ident].implode()))
    if not len(missing):
        return None
    if len(missing) == len(keys):
        raise InputError(
            f"{where}, column {ident!r}: none of the {len(keys)} {what} of the events is in this table, which has e.g. "
            f"{table[ident][0]!r} where the events have {missing[0]!r}; expected the same ids"
        )
    shown = ", ".join(repr(key[:40]) for key in missing.sort().head(min(3, SHOWN)))
    return f"{where}: {len(missing)} of {len(keys)} {what} of the events are not in this table, e.g. {shown}"
