"""Rows of a source → arrays: one streaming pass that checks, and a second one only to say which rows are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from p5rec.core.errors import SHOWN, InputError
from p5rec.data import times
from p5rec.data.events import Tables
from p5rec.data.features import Kind
from p5rec.data.read import collect
from p5rec.data.schema import Role

SPLITS = {"train": 0, "training": 0, "0": 0, "valid": 1, "validation": 1, "val": 1, "dev": 1, "1": 1}
SPLITS |= {"test": 2, "testing": 2, "2": 2}
EXPECTED = {
    Role.USER: "an id that is not empty",
    Role.ITEM: "an id that is not empty",
    Role.TIME: "a time: a number of seconds since 1970 or a date such as 2024-01-31 12:00:00",
    Role.LABEL: "a number",
    Role.CONTEXT: "a number",
    Role.SPLIT: "train, valid or test",
    Role.EVENT_KIND: "the name of an event kind",
}
SAMPLE, SHARE = 1000, 0.5


@dataclass(frozen=True)
class Intake:
    """N events as read, in file order.

    Attributes:
        user, item: (N,) uint32 numbers in the order of the sorted ids.
        user_keys, item_keys: the sorted ids.
        time: see `times.Times`; seconds are -1 without times.
        label: (N,) float32, NaN where it is missing.
        kind: (N,) uint8, numbers of `kinds`.
        split: (N,) int8 of the split column, or None.
        context: further columns: float32, or uint32 codes with the names of their levels.
    """

    user: np.ndarray
    item: np.ndarray
    user_keys: pl.Series
    item_keys: pl.Series
    time: times.Times
    label: np.ndarray
    kind: np.ndarray
    kinds: tuple[str, ...] = ("event",)
    split: np.ndarray | None = None
    context: Mapping[str, tuple[np.ndarray, tuple[str, ...]]] = field(default_factory=dict)


def take_in(tables: Tables) -> Intake:
    """Read and check the event table.

    Raises:
        InputError: all faults of the table together, each with row, column, value and what was expected.
    """
    where = tables.facts.get("events", "events")
    reader = _Reader(tables, where)
    frame = collect(reader.chosen(), where)
    if frame.drop_in_place("odd").any():
        reader = _Reader(tables, where, numeric=False)
        frame = collect(reader.chosen(), where)
    if not len(frame):
        raise InputError(f"{where}: this table has no rows; expected at least one event")
    if frame["bad"].any():
        raise InputError(reader.faults())
    schema, count = tables.schema, len(frame)
    user, user_keys = _codes(frame.drop_in_place("user"))
    item, item_keys = _codes(frame.drop_in_place("item"))
    kind = np.zeros(count, np.uint8)
    kinds: tuple[str, ...] = ("event",)
    if "event_kind" in frame:
        kind, kinds = _kinds(frame.drop_in_place("event_kind"), where)
    time = times.Times(np.full(count, -1, np.int64))
    if "time" in frame:
        raw = frame.drop_in_place("time").fill_null(-1).to_numpy()
        time = times.normalise(raw, f"{where}, column {schema.column(Role.TIME)!r}", reader.per)
    label = frame.drop_in_place("label").to_numpy() if "label" in frame else np.ones(count, np.float32)
    return Intake(
        user=user,
        item=item,
        user_keys=user_keys,
        item_keys=item_keys,
        time=time,
        label=label,
        kind=kind,
        kinds=kinds,
        split=frame["split"].to_numpy() if "split" in frame else None,
        context={name[1:]: _context(frame[name]) for name in frame.columns if name.startswith(":")},
    )


class _Reader:
    """Expressions that read each column by its role, and say where they cannot."""

    def __init__(self, tables: Tables, where: str, *, numeric: bool = True) -> None:
        """With `numeric`, ids that all look like plain integers are read as such, which is faster; `odd` tells
        where one does not."""
        self.frame, self.schema, self.where, self.numeric = tables.events, tables.schema, where, numeric
        self.odd: list[pl.Expr] = [pl.lit(value=False)]
        self.sample = collect(tables.events.head(SAMPLE), where)
        if faults := self.schema.missing("events", self.sample.columns, where):
            raise InputError(faults)
        self.per: int | None = None
        self.columns: dict[str, pl.Expr] = {}
        self.checks: dict[str, pl.Expr] = {}  # column → where it cannot be read
        for name, column in self.schema.events.items():
            if column.role == Role.CONTEXT:
                self.columns[f":{name}"] = self._context(name, column.kind)
            elif column.role in EXPECTED:
                self._role(name, column.role)

    def _role(self, name: str, role: Role) -> None:
        given = _given(name, self.sample.schema[name])
        if role in (Role.USER, Role.ITEM, Role.EVENT_KIND):
            self._ids(name, role)
            return
        if role == Role.TIME:
            value, self.per = times.reading(self.sample[name])
        elif role == Role.LABEL:
            value = pl.col(name).cast(pl.Float32, strict=False)
        else:
            value = _split(name)
        self.columns[str(role)] = value
        self.checks[name] = value.is_null() & (given if role != Role.SPLIT else pl.lit(value=True))
        if role == Role.LABEL and self.schema.label_scale is not None:
            low, high = self.schema.label_scale
            self.checks[name] |= ((value < low) | (value > high)).fill_null(value=False)

    def _ids(self, name: str, role: Role) -> None:
        dtype, column = self.sample.schema[name], pl.col(name)
        whole = _whole_numbers(self.sample[name])
        if dtype.is_integer() and dtype != pl.UInt64 and role != Role.EVENT_KIND:
            self.columns[str(role)], self.checks[name] = column, column.is_null()
            return
        if whole == 1 and self.numeric:
            number = column.cast(pl.Int64, strict=False)
            padded = column.str.contains(r"^[+0]") & (column != "0")
            self.odd.append(number.is_null() | padded)
            self.columns[str(role)], self.checks[name] = number, pl.lit(value=False)
            return
        text = as_id(name, dtype)
        self.columns[str(role)] = text.cast(pl.Categorical(pl.Categories.random()))
        self.checks[name] = text.is_null()
        if role != Role.EVENT_KIND and whole > SHARE:
            self.checks[name] |= text.str.ends_with(".0").fill_null(value=False)

    def chosen(self) -> pl.LazyFrame:
        """The columns read, whether a row is ``bad``, and whether its ids are ``odd``."""
        odd = pl.any_horizontal(*self.odd).fill_null(value=False)
        return self.frame.select(**self.columns, bad=self.bad(), odd=odd)

    def _context(self, name: str, kind: Kind) -> pl.Expr:
        if kind == Kind.NUMBER:
            value = pl.col(name).cast(pl.Float32, strict=False)
            self.checks[name] = value.is_null() & _given(name, self.sample.schema[name])
            return value
        return as_id(name, self.sample.schema[name]).cast(pl.Categorical(pl.Categories.random()))

    def bad(self) -> pl.Expr:
        """Whether anything of a row cannot be read."""
        return pl.any_horizontal(*self.checks.values()).fill_null(value=False)

    def faults(self) -> list[str]:
        """A sentence for each value that cannot be read, up to a limit, in the order of the rows."""
        rows = self.frame.with_row_index("__row").filter(self.bad())
        marks = {f"__{name}": check for name, check in self.checks.items()}
        found = collect(rows.with_columns(**marks), self.where)
        sentences = [
            self._fault(row, name)
            for row in found.head(SHOWN).iter_rows(named=True)
            for name in self.checks
            if row[f"__{name}"]
        ]
        return sentences + [f"{self.where}: a row with a fault"] * max(len(found) - SHOWN, 0)

    def _fault(self, row: dict[str, object], name: str) -> str:
        role = self.schema.events[name].role
        assert role is not None
        value, expected = row[name], EXPECTED[role]
        if role == Role.LABEL and self.schema.label_scale and _is_number(value):
            expected = "a label from {:g} to {:g} (label_scale of the schema)".format(*self.schema.label_scale)
        if role in (Role.USER, Role.ITEM) and value:
            expected = "an id written like the others, which are whole numbers"
        shown = "nothing" if value is None or value == "" else repr(value)
        return (
            f"{self.where}: row {int(str(row['__row'])) + 1}, column {name!r}: found {shown[:80]}, expected {expected}"
        )


def _whole_numbers(sample: pl.Series) -> float:
    """Share of the values of a text column that are whole numbers as one writes them."""
    share = sample.drop_nulls().str.contains(r"^(0|[1-9]\d{0,17})$").mean() if sample.dtype == pl.String else 0.0
    return float(share or 0.0)  # type: ignore[arg-type]


def as_id(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column of ids as text; whole floats lose their point; empty text is null."""
    column = pl.col(name)
    if dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        column = pl.when(whole == column).then(whole.cast(pl.String)).otherwise(column.fill_nan(None).cast(pl.String))
    return column.cast(pl.String).replace("", None)


def _given(name: str, dtype: pl.DataType) -> pl.Expr:
    """Where a column has any value; blanks are none."""
    column = pl.col(name)
    return column.is_not_null() & (column.str.strip_chars() != "") if dtype == pl.String else column.is_not_null()


def _split(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.strip_chars().str.to_lowercase()
    return text.replace_strict(SPLITS, default=None, return_dtype=pl.Int8)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _codes(values: pl.Series) -> tuple[np.ndarray, pl.Series]:
    """A categorical or integer column → (N,) uint32 ranks among the sorted names, and the sorted names."""
    if values.dtype.is_integer():
        return _integer_codes(values.to_numpy())
    levels = values.drop_nulls().unique()
    names = levels.cast(pl.String)
    order = names.arg_sort().to_numpy()
    codes = levels.to_physical().to_numpy().astype(np.int64)
    rank = np.zeros(int(codes.max(initial=-1)) + 2, dtype=np.uint32)
    rank[codes[order]] = np.arange(len(order), dtype=np.uint32)
    missing = len(rank) - 1
    rank[missing] = len(order)
    return rank[values.to_physical().fill_null(missing).to_numpy()], names.gather(order)


def _integer_codes(values: np.ndarray) -> tuple[np.ndarray, pl.Series]:
    """Integers, by a table of the whole range where that is small enough."""
    low, high = int(values.min()), int(values.max())
    if high - low > 4 * len(values) + 2**20:
        distinct, place = np.unique(values, return_inverse=True)
    else:
        here = np.zeros(high - low + 1, dtype=bool)
        here[values - low] = True
        distinct, place = np.flatnonzero(here) + low, (np.cumsum(here, dtype=np.int64) - 1)[values - low]
    names = pl.Series(distinct).cast(pl.String)
    order = names.arg_sort().to_numpy()
    rank = np.empty(len(order), dtype=np.uint32)
    rank[order] = np.arange(len(order), dtype=np.uint32)
    return rank[place], names.gather(order)


def _kinds(values: pl.Series, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    codes, names = _codes(values)
    if len(names) > 255:
        raise InputError(f"{where}: found {len(names)} event kinds, e.g. {names[0]!r}; expected at most 255")
    return codes.astype(np.uint8), tuple(names.to_list())


def _context(values: pl.Series) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers with NaN where missing, or codes of levels where the number behind the last is missing."""
    if values.dtype == pl.Float32:
        return values.fill_null(float("nan")).to_numpy(), ()
    codes, names = _codes(values)
    return codes, tuple(names.to_list())
