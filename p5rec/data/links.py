"""Tables of links: pairs of users or items (friends), and triples of a row, a relation and a thing (knowledge)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from p5rec.core.errors import InputError
from p5rec.data.edges import rows_of
from p5rec.data.features import Column, Features, Kind
from p5rec.data.intake import as_id
from p5rec.data.read import Scan, collect
from p5rec.data.vocabulary import Vocabulary

WIDTHS = (2, 3)  # pairs, triples


def with_links(
    features: Features, tables: Mapping[str, Scan], keys: Vocabulary, what: str
) -> tuple[Features, list[str]]:
    """Features with a further column for each table of links, and sentences on what was left out; see `linked`.

    Raises:
        InputError: a name is that of a column, or a table does not fit; all faults together.
    """
    columns: dict[str, Column] = {}
    notes: list[str] = []
    faults: list[str] = []
    for name, table in tables.items():
        try:
            columns[name], note = linked(table, keys, what)
            notes += [note] if note else []
        except InputError as error:
            faults += error.faults
        if name in features.columns:
            faults.append(f"{what[:-1]}_links.{name}: the table of {what} has a column of this name; choose another")
    if faults:
        raise InputError(faults)
    return replace(features, columns={**features.columns, **columns}) if columns else features, notes


def linked(table: Scan, keys: Vocabulary, what: str) -> tuple[Column, str | None]:
    """A table of links as a column: pairs of two rows (both ways), or triples of a row, a relation and any thing.

    Args:
        table: two columns of ids, or three.
        keys: the ids of the rows.
        what: "users" or "items".

    Returns:
        A LINK column, and a sentence on the rows that were left out, None where there are none.

    Raises:
        InputError: another number of columns, or no row that speaks of these ids.
    """
    names = table.frame.collect_schema().names()
    if len(names) not in WIDTHS:
        raise InputError(
            f"{table.name}: found {len(names)} columns ({', '.join(names)}), expected two (a pair of {what}) or three "
            f"(one of the {what}, a relation, a thing)"
        )
    rows = collect(table.frame, table.name)
    rows = rows.select(as_id(name, rows.schema[name]).alias(str(n)) for n, name in enumerate(names))
    row = keys.numbers(rows["0"])
    levels, other = ((), keys.numbers(rows["1"])) if len(names) == WIDTHS[0] else _things(rows, row >= 0)
    known = (row >= 0) & (other >= 0)
    if not known.any():
        found, has = rows.row(0) if len(rows) else ("nothing",), keys.key(0) if len(keys) else "none"
        raise InputError(
            f"{table.name}: no row links {what} of the data; its first row has {found[0]!r} and the {what} are like "
            f"{has!r}; expected the same ids"
        )
    pairs = np.stack([row[known], other[known]])
    if not levels:
        pairs = np.concatenate([pairs, pairs[::-1]], axis=1)
    left_out = len(row) - int(known.sum())
    note = f"{table.name}: {left_out:,} of {len(row):,} links are of {what} that are not in the data"
    return Column(Kind.LINK, rows_of(pairs, len(keys)), levels), note if left_out else None


def _things(rows: pl.DataFrame, known: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of what a relation leads to, and the number of that of each row."""
    named = rows.select(pl.concat_str("1", "2", separator=" ")).to_series()
    levels = named.filter(pl.Series(known)).drop_nulls().unique().sort()
    return tuple(levels.to_list()), Vocabulary(levels.to_arrow()).numbers(named)
