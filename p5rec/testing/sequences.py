"""A dataset in memory from a few lists, made as the builder would make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from p5rec.data.dataset import Dataset
from p5rec.data.event_texts import TextColumn
from p5rec.data.features import Column, Features, Kind
from p5rec.data.lexicon import lexicon
from p5rec.data.ragged import Ragged
from p5rec.data.schema import ColumnSchema, Role, Schema
from p5rec.data.vocabulary import Vocabulary

WORDS = 2_000  # most pieces of words
Rows = Mapping[str, Sequence[Any] | np.ndarray]  # user → values, aligned with the sequences


def from_sequences(
    sequences: Mapping[str, Sequence[str]],
    *,
    held_out: int = 1,
    items: Sequence[str] = (),
    labels: Rows | None = None,
    times: Rows | None = None,
    kinds: Rows | None = None,
    kind_names: tuple[str, ...] = ("event",),
    target: int = 0,
    context: Mapping[str, Rows] | None = None,
    item_columns: Mapping[str, Column] | None = None,
    user_columns: Mapping[str, Column] | None = None,
    texts: Mapping[str, Mapping[str, Sequence[str | None]]] | None = None,
    spoken: Sequence[str] = (),
    seed: int = 0,
) -> Dataset:
    """A dataset in memory: user → items, oldest first, one second apart unless `times` says otherwise.

    Args:
        sequences: the events of each user.
        held_out: events of the target kind a user for the test and as many for validation, the last ones (0 trains
            on all); events of other kinds go with what stands before them.
        items: further items that occur in no event.
        labels: ratings aligned with `sequences`.
        times: seconds aligned with `sequences`, rising.
        kinds: numbers of event kinds aligned with `sequences`; their names, and the one that is predicted.
        context: further event columns, each user → numbers (integers are categories, floats are numbers).
        item_columns, user_columns: columns aligned with ``Vocabulary`` order, made by the caller; see `category`.
        texts: words of events by column, each user → texts aligned with `sequences`.
        spoken: texts whose words the vocabulary knows, beside those of the data.
        seed: of the numbering.
    """
    users = Vocabulary.fit(sequences, seed, "users")
    catalogue = Vocabulary.fit([i for row in sequences.values() for i in row] + list(items), seed, "items")
    order = users.all().to_pylist()
    history = Ragged.of([catalogue.numbers(sequences[key]) for key in order])
    events: dict[str, np.ndarray] = {
        "item": history.values.astype(np.int32),
        "time": _flat(times, order, _one_by_one(history)).astype(np.int64),
        "label": _flat(labels, order, np.ones(len(history.values))).astype(np.float32),
        "kind": _flat(kinds, order, np.zeros(len(history.values))).astype(np.uint8),
    }
    events |= {name: _flat(rows, order, np.zeros(0)) for name, rows in (context or {}).items()}
    bounds = _bounds(history, events["kind"] == target, held_out)
    dataset = Dataset(
        users=users,
        items=catalogue,
        events=events,
        bounds=bounds,
        user_features=Features(len(users), dict(user_columns or {})),
        item_features=Features(len(catalogue), dict(item_columns or {})),
        schema=_schema(events),
        facts=_facts(history, bounds, events["time"], len(catalogue)),
        kinds=kind_names,
        target=target,
        seed=seed,
        texts={
            name: TextColumn.of([text for key in order for text in rows[key]]) for name, rows in (texts or {}).items()
        },
    )
    words = lexicon(dataset, WORDS, None, spoken)
    return replace(dataset, words=words, item_features=replace(dataset.item_features, words=words))


def category(catalogue: Vocabulary, of: Mapping[str, str]) -> Column:
    """A category column in the order of a vocabulary; ids not in `of` are missing."""
    levels = tuple(sorted(set(of.values())))
    number = {level: n for n, level in enumerate(levels)}
    values = [number[of[key]] if key in of else -1 for key in catalogue.all().to_pylist()]
    return Column(Kind.CATEGORY, np.array(values, dtype=np.int32), levels)


def _flat(rows: Rows | None, order: Sequence[str], absent: np.ndarray) -> np.ndarray:
    """The values of all users, one after the other."""
    return absent if rows is None else np.array([value for key in order for value in rows[key]])


def _one_by_one(history: Ragged) -> np.ndarray:
    """Seconds 1, 2, 3 … of each user."""
    row, place = history.places()
    return place - history.starts[row] + 1


def _bounds(history: Ragged, wanted: np.ndarray, held_out: int) -> np.ndarray:
    """(U, 6) where the parts of each user begin: the last wanted events for the test, those before for validation."""
    test, valid = (_held(history, wanted, count) for count in (held_out, 2 * held_out))
    return np.stack([history.starts, valid, valid, test, history.stops, history.stops], axis=1).astype(np.int64)


def _held(history: Ragged, wanted: np.ndarray, count: int) -> np.ndarray:
    """(U,) where the last `count` wanted events of each user begin; the start where there are fewer."""
    places = [
        start + np.flatnonzero(wanted[start:stop]) for start, stop in zip(history.starts, history.stops, strict=True)
    ]
    begins = [
        place[-count] if len(place) >= count else start for place, start in zip(places, history.starts, strict=True)
    ]
    return np.array(begins) if count else history.stops


def _facts(history: Ragged, bounds: np.ndarray, time: np.ndarray, items: int) -> dict[str, Any]:
    """Counts, and the shares of repeats (training rows) and of ties."""
    training = Ragged(history.values, bounds[:, 0], bounds[:, 1])
    pairs = np.stack(training.flat())
    row = np.repeat(np.arange(len(history)), history.lengths)
    _, back, count = np.unique(np.stack([row, time]), axis=1, return_inverse=True, return_counts=True)
    return {
        "users": len(history),
        "items": items,
        "events": len(history.values),
        "repeat_rate": 1 - np.unique(pairs, axis=1).shape[1] / max(pairs.shape[1], 1),
        "ties": float((count[back.reshape(-1)] > 1).mean()) if len(time) else 0.0,
    }


def _schema(events: Mapping[str, np.ndarray]) -> Schema:
    columns = {
        "user": ColumnSchema(kind=Kind.ID, role=Role.USER),
        "item": ColumnSchema(kind=Kind.ID, role=Role.ITEM),
        "time": ColumnSchema(kind=Kind.TIME, role=Role.TIME),
    }
    for name, values in events.items():
        if name not in ("item", "time", "label", "kind"):
            kind = Kind.NUMBER if np.issubdtype(values.dtype, np.floating) else Kind.CATEGORY
            columns[name] = ColumnSchema(kind=kind, role=Role.CONTEXT)
    return Schema(events=columns)
