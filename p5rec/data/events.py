"""Events on their way into a dataset: lazy tables from a source, then encoded arrays for filters and splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Any

import numpy as np
import polars as pl

from p5rec.data.read import Scan
from p5rec.data.schema import Schema


class Part(IntEnum):
    """The part of an event, in the order in which a user's events are stored."""

    TRAIN = 0
    GIVEN = 1  # history of a user held out whole: seen when asked, never trained on
    VALID = 2
    TEST = 3
    UNUSED = 4  # stored, in no part (a purged gap)


@dataclass(frozen=True)
class Tables:
    """What a source read.

    Attributes:
        events: lazy rows, columns named as in the file.
        schema: kinds and roles of the columns of all three tables.
        users, items: lazy rows, one each user or item, or None.
        ordered: the rows of a user stand in the order in which things happened (a sequence file), so that
            file order may break ties.
        facts: what the source wants to be shown (name, licence, files).
        dropped: reason → rows already left out while reading.
        texts: words of the events in file order, where the source has read them itself rather than left them to
            columns with the role text.
        rows: about how many events there are, 0 if unknown.
        notes: sentences on what was found while reading and is no fault.
        links: "users" or "items" → name → table of pairs or triples (`p5rec.data.links`).
    """

    events: pl.LazyFrame
    schema: Schema
    users: pl.LazyFrame | None = None
    items: pl.LazyFrame | None = None
    ordered: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    texts: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, Mapping[str, Scan]] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Events:
    """N encoded events, sorted by user, then time, then tie-break.

    Attributes:
        user, item: (N,) int32 numbers.
        time: (N,) int64 seconds since 1970, -1 where the data has none.
        label: (N,) float32 rating, 1.0 where the data has none.
        kind: (N,) uint8 event kind.
        target: number of the kind to be predicted.
        given: (N,) int8 the split column of the data (0 train, 1 valid, 2 test), None without one.
        users, items: vocabulary sizes.
    """

    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    label: np.ndarray
    kind: np.ndarray
    target: int
    users: int
    items: int
    given: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.user)

    @property
    def offsets(self) -> np.ndarray:
        """(U + 1,) where each user's events begin."""
        return np.searchsorted(self.user, np.arange(self.users + 1))

    def rows(self, keep: np.ndarray) -> Events:
        """The events where `keep` is true."""
        arrays = {f.name: value[keep] for f in fields(self) if isinstance(value := getattr(self, f.name), np.ndarray)}
        return replace(self, **arrays)
