"""Columns of items and users → numbers, every statistic fitted on rows that occur in training."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from p5rec.core.config import Config
from p5rec.data import times
from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.data.schema import ColumnSchema, Role
from p5rec.data.vocabulary import Vocabulary

RARE = "(rare)"  # the level that takes in the rare ones
DAYS = 86_400
LARGEST = 1e30  # of a number, which becomes a float32
EXPECTED = f"a number from {-LARGEST:g} to {LARGEST:g}"


class FeatureConfig(Config):
    """How columns become features."""

    rare_below: int = Field(1, ge=1, description="a category that fewer training items have is folded into one level")
    table_items: bool = Field(True, description="items and users that occur only in their table join the catalogue")
    ages: bool = Field(True, description="times of items and users also become a number, years before the last event")
    words: int = Field(8_000, ge=0, description="most pieces of words in the vocabulary of the data; 0 learns none")
    vocabulary: str | None = Field(
        None, description="tokenizer.json, or folder or hub name of a language model, to be taken as the vocabulary"
    )
    phrases: int = Field(
        5, ge=0, description="reviews that must hold a noun phrase for it to be a feature to explain by; 0 finds none"
    )
    event_times: list[Literal["hour", "weekday"]] = Field(
        default_factory=list, description="context columns made of the time of an event (UTC)"
    )


def encode(
    table: pl.DataFrame | None,
    columns: Mapping[str, ColumnSchema],
    vocabulary: Vocabulary,
    trained: np.ndarray,
    config: FeatureConfig,
    now: int = -1,
) -> Features:
    """The columns of a table in the order of a vocabulary.

    Args:
        table: rows in any order, one an id; the first row of an id counts.
        columns: its schema; the column of kind id names the row.
        vocabulary: of N ids; those the table does not have are missing values.
        trained: (N,) bool, what occurs in training rows.
        config: settings.
        now: seconds of the last training event, from which ages count; -1 makes none.
    """
    if table is None:
        return Features(len(vocabulary))
    place = rows_of(table, columns, vocabulary)
    found: dict[str, Column] = {}
    for name, column in columns.items():
        if column.kind == Kind.ID or column.role == Role.IGNORE:
            continue
        values = aligned(table[name], place)
        found[name] = fit_column(values, column.kind, trained, config.rare_below)
        if column.kind == Kind.TIME and config.ages and now != -1:
            found[f"{name}_age"] = _age(found[name], trained, now)
    return Features(len(vocabulary), found)


def too_large(table: pl.DataFrame | None, columns: Mapping[str, ColumnSchema], where: str) -> list[str]:
    """Numbers of a table that would not stay finite, one sentence each."""
    if table is None:
        return []
    ident = next(name for name, column in columns.items() if column.kind == Kind.ID and not column.role)
    numbers = {
        name: table[name].cast(pl.Float64, strict=False).fill_null(0.0).to_numpy()
        for name, column in columns.items()
        if column.kind == Kind.NUMBER and column.role != Role.IGNORE
    }
    return [
        f"{where}: {table[ident][int(row)]!r}, column {name!r}: found {values[row]:g}, expected {EXPECTED}"
        for name, values in numbers.items()
        for row in np.flatnonzero(np.isfinite(values) & (np.abs(values) > LARGEST))
    ]


def rows_of(table: pl.DataFrame, columns: Mapping[str, ColumnSchema], vocabulary: Vocabulary) -> np.ndarray:
    """(N,) the row of each id, -1 where the table has none."""
    ident = next(name for name, column in columns.items() if column.kind == Kind.ID and not column.role)
    numbers = vocabulary.numbers(table[ident])
    place = np.full(len(vocabulary), -1, dtype=np.int64)
    known = np.flatnonzero(numbers >= 0)[::-1]  # the first row of an id is written last
    place[numbers[known]] = known
    return place


def aligned(values: pl.Series, place: np.ndarray) -> pl.Series:
    """The values at places, null at -1."""
    return values.gather(pl.Series(place).replace(-1, None))


def fit_column(values: pl.Series, kind: Kind, trained: np.ndarray, rare_below: int) -> Column:
    """One column, its levels and scale fitted on the trained rows."""
    if kind == Kind.NUMBER:
        return _number(values, trained)
    if kind == Kind.CATEGORY:
        return _category(as_text(values), trained, rare_below)
    if kind == Kind.LIST:
        return _list(as_lists(values), trained, rare_below)
    return plain_column(values, kind)


def plain_column(values: pl.Series, kind: Kind) -> Column:
    """A column of a kind that has nothing to fit."""
    if kind == Kind.TIME:
        return Column(Kind.TIME, as_seconds(values))
    if kind == Kind.VECTOR:
        return Column(Kind.VECTOR, as_vectors(values))
    if values.dtype == pl.Binary:
        return Column(kind, np.array([as_address(value) for value in values], dtype=object))
    return Column(kind, np.array(as_text(values).to_list(), dtype=object))


def as_address(content: bytes | None) -> str | None:
    """The bytes of a file as a ``data:`` address; none are missing."""
    return f"data:;base64,{base64.b64encode(content).decode()}" if content else None


def as_text(values: pl.Series) -> pl.Series:
    """Text without HTML entities and outer blanks; empty is missing."""
    if values.dtype.is_nested():
        values = pl.Series(values.name, [_joined(value) for value in values.to_list()], dtype=pl.String)
    text = values.cast(pl.String).str.strip_chars().replace("", None)
    coded = text.filter(text.str.contains("&", literal=True).fill_null(value=False)).unique()
    return text.replace(coded, pl.Series([html.unescape(value) for value in coded], dtype=pl.String))


def _joined(value: object) -> str | None:
    if isinstance(value, list):
        return " ".join(str(part) for part in value if part is not None) or None
    return None if value is None else str(value)


def as_lists(values: pl.Series) -> pl.Series:
    """Lists of text; text is split at ``|``, else at commas. Lists in lists are flattened."""
    if values.dtype == pl.String:
        separator = "|" if values.str.contains("|", literal=True).any() else ","
        values = values.str.split(separator)
    while isinstance(values.dtype, pl.List | pl.Array) and isinstance(values.dtype.inner, pl.List | pl.Array):  # type: ignore[union-attr]
        values = values.list.eval(pl.element().explode())
    return values.cast(pl.List(pl.String)) if len(values) else pl.Series(values.name, [], dtype=pl.List(pl.String))


def as_seconds(values: pl.Series) -> np.ndarray:
    """(N,) int64 seconds since 1970, -1 missing."""
    known = values.drop_nulls()
    if not len(known):
        return np.full(len(values), -1, dtype=np.int64)
    expression, per = times.reading(known.head(1000))
    raw = values.to_frame().select(expression.fill_null(-1)).to_series().to_numpy()
    return times.normalise(raw, str(values.name), per).seconds.astype(np.int64)


def as_vectors(values: pl.Series) -> np.ndarray:
    """(N, D) float32, rows of NaN where missing or of another width than the widest."""
    lists = values.cast(pl.List(pl.Float32))
    lengths = lists.list.len().fill_null(0).to_numpy()
    width = int(lengths.max(initial=0))
    out = np.full((len(values), width), np.nan, dtype=np.float32)
    whole = lengths == width
    if width:
        out[whole] = lists.filter(pl.Series(whole)).explode().to_numpy().reshape(-1, width)
    return out


def _number(values: pl.Series, trained: np.ndarray) -> Column:
    numbers = values.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().copy()
    numbers[~np.isfinite(numbers)] = np.nan
    known = numbers[trained & ~np.isnan(numbers)]
    mean, deviation = (float(known.mean()), float(known.std())) if len(known) else (0.0, 1.0)
    scale = (mean, deviation if deviation > 1e-12 else 1.0)
    return Column(Kind.NUMBER, scaled(numbers, scale), scale=scale)


def scaled(numbers: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Numbers as the model sees them, float32."""
    return ((numbers - scale[0]) / scale[1]).astype(np.float32)


def _category(values: pl.Series, trained: np.ndarray, rare_below: int) -> Column:
    levels, lookup = _levels(values, values.filter(pl.Series(trained)), rare_below)
    return Column(Kind.CATEGORY, _coded(values, lookup), levels)


def _list(values: pl.Series, trained: np.ndarray, rare_below: int) -> Column:
    lengths = values.list.len().fill_null(0).to_numpy()
    flat = as_text(values.filter(pl.Series(lengths > 0)).explode())
    row = np.repeat(np.arange(len(values)), lengths)
    levels, lookup = _levels(flat, flat.filter(pl.Series(trained[row])), rare_below)
    return Column(Kind.LIST, ragged_levels(row, _coded(flat, lookup), len(values)), levels)


def ragged_levels(row: np.ndarray, codes: np.ndarray, count: int) -> Ragged:
    """Rows of distinct known levels out of (row, level) pairs."""
    keep = codes >= 0
    pairs = np.unique(np.stack([row[keep], codes[keep]], axis=1), axis=0)
    stops = np.searchsorted(pairs[:, 0], np.arange(count), side="right")
    starts = np.searchsorted(pairs[:, 0], np.arange(count), side="left")
    return Ragged(pairs[:, 1].astype(np.int32), starts, stops)


def _levels(values: pl.Series, trained: pl.Series, rare_below: int) -> tuple[tuple[str, ...], dict[str, int]]:
    """Names of the levels, and the level of every value; those too rare in training share the last one."""
    counts = dict(trained.drop_nulls().value_counts().iter_rows())
    seen = sorted(values.drop_nulls().unique().to_list())
    kept = [name for name in seen if counts.get(name, 0) >= rare_below and name != RARE]
    lookup = {name: number for number, name in enumerate(kept)}
    if len(kept) < len(seen):
        lookup |= {name: len(kept) for name in seen if name not in lookup}
        kept.append(RARE)
    return tuple(kept), lookup


def _coded(values: pl.Series, lookup: Mapping[str, int]) -> np.ndarray:
    if not lookup:
        return np.full(len(values), -1, dtype=np.int32)
    codes = values.replace_strict(list(lookup), list(lookup.values()), default=-1, return_dtype=pl.Int32)
    return codes.fill_null(-1).to_numpy().astype(np.int32)


def _age(column: Column, trained: np.ndarray, now: int) -> Column:
    """Years before `now`, normalised."""
    assert isinstance(column.values, np.ndarray)
    return _number(pl.Series(years_before(column.values, now)), trained)


def years_before(seconds: np.ndarray, now: int) -> np.ndarray:
    """(N,) years from each time (-1: NaN) to `now`."""
    return np.where(seconds == -1, np.nan, (now - seconds) / (365.25 * DAYS))
