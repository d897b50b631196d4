"""Small worlds in memory whose best answer is known, and the helper that builds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from p5rec.data.dataset import Dataset
from p5rec.data.features import Column, Features, Kind
from p5rec.data.schema import ColumnSchema, Role, Schema
from p5rec.data.vocabulary import Vocabulary


def from_sequences(
    sequences: Mapping[str, Sequence[str]],
    *,
    held_out: int = 1,
    items: Sequence[str] = (),
    labels: Mapping[str, Sequence[float]] | None = None,
    item_columns: Mapping[str, Column] | None = None,
    seed: int = 0,
) -> Dataset:
    """A dataset in memory: user → items, oldest first, one second apart.

    Args:
        sequences: the events of each user.
        held_out: events a user for the test and as many for validation, the last ones (0 trains on all).
        items: further items that occur in no event.
        labels: ratings aligned with `sequences`.
        item_columns: columns aligned with ``Vocabulary`` order are made by the caller; see `category`.
        seed: of the numbering.
    """
    users = Vocabulary.fit(sequences, seed, "users")
    catalogue = Vocabulary.fit([i for row in sequences.values() for i in row] + list(items), seed, "items")
    rows = [list(sequences[key]) for key in users.all().to_pylist()]
    lengths = np.array([len(row) for row in rows])
    stops = np.cumsum(lengths)
    starts = stops - lengths
    test = np.maximum(stops - held_out, starts)
    valid = np.maximum(test - held_out, starts)
    flat_labels = [v for key in users.all().to_pylist() for v in (labels or {}).get(key, [])]
    events = {
        "item": catalogue.numbers([i for row in rows for i in row]).astype(np.int32),
        "time": (np.arange(int(lengths.sum())) - np.repeat(starts, lengths) + 1).astype(np.int64),
        "label": np.array(flat_labels or np.ones(int(lengths.sum())), dtype=np.float32),
        "kind": np.zeros(int(lengths.sum()), dtype=np.uint8),
    }
    return Dataset(
        users=users,
        items=catalogue,
        events=events,
        bounds=np.stack([starts, valid, valid, test, stops, stops], axis=1).astype(np.int64),
        user_features=Features(len(users)),
        item_features=Features(len(catalogue), dict(item_columns or {})),
        schema=Schema(
            events={
                "user": ColumnSchema(kind=Kind.ID, role=Role.USER),
                "item": ColumnSchema(kind=Kind.ID, role=Role.ITEM),
            }
        ),
        facts={
            "users": len(users),
            "items": len(catalogue),
            "events": int(lengths.sum()),
            "repeat_rate": 0.0,
            "ties": 0.0,
        },
        seed=seed,
    )


def category(catalogue: Vocabulary, of: Mapping[str, str]) -> Column:
    """A category column in the order of a vocabulary; ids not in `of` are missing."""
    levels = tuple(sorted(set(of.values())))
    number = {level: n for n, level in enumerate(levels)}
    values = [number[of[key]] if key in of else -1 for key in catalogue.all().to_pylist()]
    return Column(Kind.CATEGORY, np.array(values, dtype=np.int32), levels)
