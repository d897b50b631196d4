"""Tables of several data sets → tables of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from p5rec.core.errors import InputError
from p5rec.data import event_texts
from p5rec.data.event_texts import TextColumn
from p5rec.data.events import Tables
from p5rec.data.features import Kind
from p5rec.data.filtering import Dropped
from p5rec.data.harmonise import Side, harmonised
from p5rec.data.intake import Intake, take_in
from p5rec.data.names import ITEM_COLUMNS
from p5rec.data.order import chronological
from p5rec.data.schema import ColumnSchema, Role, Schema
from p5rec.data.sides import ident_of, side

KEYS = {Role.USER: "user_id", Role.ITEM: "item_id"}
SINGLE = {Role.TIME: "timestamp", Role.LABEL: "rating", Role.EVENT_KIND: "event", Role.SPLIT: "split"}
KINDS = {Role.TIME: Kind.TIME, Role.LABEL: Kind.NUMBER, Role.EVENT_KIND: Kind.CATEGORY, Role.SPLIT: Kind.CATEGORY}
SIDES = {"users": "user_id", "items": "item_id"}


@dataclass(frozen=True)
class _Part:
    """One data set: as its source read it, and its events checked and coded."""

    name: str
    tables: Tables
    intake: Intake

    def has(self, role: Role) -> bool:
        return self.tables.schema.column(role) is not None

    def ids(self, keys: pl.Series) -> pl.Series:
        """Ids of this data set as they are called in the joined one."""
        return keys.to_frame("id").select(pl.lit(f"{self.name}/") + pl.col("id")).to_series()


def joined(tables: Mapping[str, Tables]) -> Tables:
    """All events, users and items under one schema.

    Raises:
        InputError: faults of any of the data sets.
    """
    if linked := [name for name, one in tables.items() if any(one.links.values())]:
        raise InputError(
            f"data.source.of.{linked[0]}: links (user_links, item_links) are of one data set and cannot be joined; "
            "leave them out"
        )
    parts = [_Part(name, one, take_in(one)) for name, one in tables.items()]
    columns, scale = _columns(parts), _scale(parts)
    timed = SINGLE[Role.TIME] in columns
    ordered = not timed and any(part.has(Role.TIME) or part.tables.ordered for part in parts)
    dropped = {f"{part.name}: {reason}": count for part in parts for reason, count in part.tables.dropped.items()}
    orders = [_order(part) if ordered and not part.tables.ordered else None for part in parts]
    frames = [_events(part, columns, scale) for part in parts]
    frames = [frame if order is None else frame[order] for frame, order in zip(frames, orders, strict=True)]
    users, user_columns = _sides(parts, "users", dropped)
    items, item_columns = _sides(parts, "items", dropped)
    schema = Schema(events=columns, users=user_columns, items=item_columns, label_scale=scale)
    return Tables(
        events=pl.concat(frames, how="diagonal").lazy(),
        texts=_texts(parts, orders),
        schema=schema,
        users=users,
        items=items,
        ordered=ordered,
        facts=_facts(parts),
        dropped=dropped,
        rows=sum(len(part.intake.user) for part in parts),
        notes=[note for part in parts for note in part.tables.notes],
    )


def _scale(parts: list[_Part]) -> tuple[float, float] | None:
    """The scale of the labels: that of the first where all have one."""
    scales = [part.tables.schema.label_scale for part in parts]
    return scales[0] if all(scales) else None


def _events(part: _Part, columns: Mapping[str, ColumnSchema], scale: tuple[float, float] | None) -> pl.DataFrame:
    """The events of a data set with the columns of the joined one."""
    read = part.intake
    found = {
        "user_id": part.ids(read.user_keys).gather(read.user),
        "item_id": part.ids(read.item_keys).gather(read.item),
    }
    if SINGLE[Role.TIME] in columns:
        micro = pl.Series(np.where(read.time.seconds == -1, 0, read.time.micro)).cast(pl.Datetime("us"))
        found["timestamp"] = micro.set(pl.Series(read.time.seconds == -1), None)
    if SINGLE[Role.LABEL] in columns:
        found["rating"] = pl.Series(_rescaled(read.label, part.tables.schema.label_scale, scale)).fill_nan(None)
    if SINGLE[Role.EVENT_KIND] in columns:
        found["event"] = pl.Series(read.kinds, dtype=pl.String).gather(read.kind)
    if SINGLE[Role.SPLIT] in columns:
        found["split"] = pl.Series(read.split).cast(pl.String)
    for name, (values, levels) in read.context.items():
        known = _context(values, levels)
        found[name] = known if columns[name].kind == Kind.NUMBER else known.cast(pl.String)
    return pl.DataFrame(found)


def _texts(parts: list[_Part], orders: list[np.ndarray | None]) -> dict[str, TextColumn]:
    """Words of the events of all data sets, missing where one has none."""
    read = [event_texts.read(part.tables) for part in parts]
    names = dict.fromkeys(name for found in read for name in found)

    def batches(name: str) -> Iterator[list[str | None]]:
        for part, found, order in zip(parts, read, orders, strict=True):
            if name not in found:
                yield [None] * len(part.intake.user)
            else:
                yield from (found[name] if order is None else found[name].at(order)).batches()

    return {name: event_texts.spooled(batches(name)) for name in names}


def _rescaled(labels: np.ndarray, own: tuple[float, float] | None, scale: tuple[float, float] | None) -> np.ndarray:
    if own is None or scale is None or own == scale:
        return labels
    share = (labels - own[0]) / (own[1] - own[0])
    return (scale[0] + share * (scale[1] - scale[0])).astype(np.float32)


def _context(values: np.ndarray, levels: tuple[str, ...]) -> pl.Series:
    """A context column as it was read: numbers, or names with null where missing."""
    if values.dtype == np.float32:
        return pl.Series(values).fill_nan(None)
    return pl.Series([*levels, None], dtype=pl.String).gather(values)


def _order(part: _Part) -> np.ndarray:
    """Rows by user and time, ties by a hash, where only the order of rows is left to say it."""
    read = part.intake
    others = [read.label, read.kind]
    return chronological(read.user, read.time.seconds, read.time.fraction, read.item, others, 0, ordered=False)[0]


def _columns(parts: list[_Part]) -> dict[str, ColumnSchema]:
    """Schema of the joined events: times, labels and a split that all have, and whatever can be missing."""
    shared = {role for role in SINGLE if all(part.has(role) for part in parts)}
    if any(part.has(Role.EVENT_KIND) for part in parts):
        shared.add(Role.EVENT_KIND)
    found = {name: ColumnSchema(kind=Kind.ID, role=role) for role, name in KEYS.items()}
    found |= {name: ColumnSchema(kind=KINDS[role], role=role) for role, name in SINGLE.items() if role in shared}
    for part in parts:
        for name, (values, _) in part.intake.context.items():
            numbers = values.dtype == np.float32 and (name not in found or found[name].kind == Kind.NUMBER)
            found[name] = ColumnSchema(kind=Kind.NUMBER if numbers else Kind.CATEGORY, role=Role.CONTEXT)
    return found


def _sides(
    parts: list[_Part], name: str, dropped: dict[str, int]
) -> tuple[pl.LazyFrame | None, dict[str, ColumnSchema]]:
    """The user or item tables of all data sets that have one."""
    sides = {}
    for part in parts:
        gone: list[Dropped] = []
        if (table := side(part.tables, name, gone)) is not None:
            columns = getattr(part.tables.schema, name)
            sides[part.name] = Side(table, columns, part.ids(table[ident_of(columns)]))
        dropped |= {f"{part.name}, {one.stage}: {one.reason}": one.rows for one in gone}
    table, columns = harmonised(sides, SIDES[name], ITEM_COLUMNS if name == "items" else {})
    return (None if table is None else table.lazy()), columns


def _facts(parts: list[_Part]) -> dict[str, str]:
    """Names, files and licences of all data sets."""
    found = {"name": f"joined ({', '.join(part.name for part in parts)})"}
    for fact in ("events", "users", "items", "licence"):
        told = [f"{part.name}: {part.tables.facts[fact]}" for part in parts if fact in part.tables.facts]
        if told:
            found[fact] = "; ".join(told)
    return found
