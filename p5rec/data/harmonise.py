"""User or item tables of several data sets under common columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from p5rec.core.errors import InputError
from p5rec.data.encode import as_lists, as_seconds, as_text
from p5rec.data.features import Kind
from p5rec.data.names import canonical
from p5rec.data.schema import ColumnSchema, Role
from p5rec.data.sides import ident_of
from p5rec.data.times import MICRO

GROUPS = (Kind.CATEGORY, Kind.LIST)


@dataclass(frozen=True)
class Side:
    """A user or item table of one data set, its schema, and its ids as they are in the joined one."""

    table: pl.DataFrame
    columns: Mapping[str, ColumnSchema]
    ids: pl.Series


def harmonised(
    sides: Mapping[str, Side], ident: str, usual: Mapping[str, tuple[str, ...]]
) -> tuple[pl.DataFrame | None, dict[str, ColumnSchema]]:
    """One table of all rows, and its schema; what a data set does not have is missing in its rows.

    Args:
        sides: tables by data set.
        ident: name of the column of ids.
        usual: common name → usual names of columns that mean the same.

    Raises:
        InputError: vectors of one name differ in width.
    """
    if not sides:
        return None, {}
    named = {name: _named(side, usual) for name, side in sides.items()}
    columns = list(dict.fromkeys(column for names in named.values() for column in names))
    kinds = {
        column: _kind({sides[name].columns[names[column]].kind for name, names in named.items() if column in names})
        for column in columns
    }
    tables = []
    for name, side in sides.items():
        found = {
            one: _cast(side.table[column], side.columns[column].kind, kinds[one]) for one, column in named[name].items()
        }
        tables.append(pl.DataFrame({ident: side.ids, **found}))
    _check_widths(tables, kinds)
    schema = {ident: ColumnSchema(kind=Kind.ID), **{name: ColumnSchema(kind=kind) for name, kind in kinds.items()}}
    return pl.concat(tables, how="diagonal"), schema


def _named(side: Side, usual: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Common name → column of a table, ids and ignored columns left out."""
    out = (Role.IGNORE, ident_of(side.columns))
    return canonical((name for name, about in side.columns.items() if about.role not in out and name not in out), usual)


def _kind(kinds: set[Kind]) -> Kind:
    """The kind that holds all: groups become lists, and what has nothing in common text."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return Kind.LIST if kinds <= set(GROUPS) else Kind.TEXT


def _cast(values: pl.Series, kind: Kind, wanted: Kind) -> pl.Series:
    """A column as values of the wanted kind."""
    if wanted == Kind.NUMBER:
        return values.cast(pl.Float64, strict=False)
    if wanted == Kind.VECTOR:
        return values.cast(pl.List(pl.Float32))
    if wanted == Kind.TIME:
        seconds = pl.Series(values.name, as_seconds(values)).replace(-1, None)
        return (seconds * MICRO).cast(pl.Datetime("us"))
    if wanted != Kind.LIST:
        return as_text(values)
    if kind == Kind.LIST:
        return as_lists(values)
    return pl.Series(
        values.name, [None if text is None else [text] for text in as_text(values)], dtype=pl.List(pl.String)
    )


def _check_widths(tables: list[pl.DataFrame], kinds: Mapping[str, Kind]) -> None:
    for name in (name for name, kind in kinds.items() if kind == Kind.VECTOR):
        found = [table[name].list.len().max() for table in tables if name in table.columns]
        widths = np.unique([width for width in found if width])
        if len(widths) > 1:
            raise InputError(
                f"data.source.of: the vectors {name!r} have {' and '.join(map(str, widths))} numbers in different data "
                "sets; make them by one encoder, or leave them out"
            )
