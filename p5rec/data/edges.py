"""The training events as links of items to users and of users to items, beside the other columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from p5rec.data.features import Column, Kind
from p5rec.data.ragged import Ragged

EVENTS = "training events"  # the column's name


def rows_of(pairs: np.ndarray, count: int) -> Ragged:
    """(2, N) rows and others → rows of distinct others."""
    row, other = np.unique(pairs, axis=1)
    stops = np.searchsorted(row, np.arange(count), side="right")
    starts = np.searchsorted(row, np.arange(count), side="left")
    return Ragged(other.astype(np.int32), starts, stops)


class WithEvents(Mapping[str, Column]):
    """Columns, and the training events as a further one, made when it is looked at.

    Args:
        columns: as stored.
        events: → (2, N) row and other of each training event.
        count: of rows.
    """

    def __init__(self, columns: Mapping[str, Column], events: Callable[[], np.ndarray], count: int) -> None:
        self._columns, self._events, self._count = columns, events, count
        self._made: Column | None = None

    def __getitem__(self, name: str) -> Column:
        if name != EVENTS:
            return self._columns[name]
        if self._made is None:
            self._made = Column(Kind.LINK, rows_of(self._events(), self._count))
        return self._made

    def __iter__(self) -> Iterator[str]:
        yield from self._columns
        yield EVENTS

    def __len__(self) -> int:
        return len(self._columns) + 1

    def kind(self, name: str) -> Kind:
        """The kind of a column, without reading it."""
        if name == EVENTS:
            return Kind.LINK
        kind: Callable[[str], Kind] | None = getattr(self._columns, "kind", None)
        return kind(name) if kind else self._columns[name].kind
