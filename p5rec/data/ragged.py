"""Rows of different length in two arrays, the shape of every history, truth and candidate list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """Row q is ``values[starts[q]:stops[q]]``; rows may be slices of one large mapped array.

    Attributes:
        values: (N,) any dtype, often a memory-mapped column.
        starts: (Q,) int64.
        stops: (Q,) int64, ``stops >= starts``.
    """

    values: np.ndarray
    starts: np.ndarray
    stops: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Sequence[int] | np.ndarray], dtype: type = np.int64) -> Ragged:
        """From a list of rows."""
        lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
        stops = np.cumsum(lengths)
        parts: list[np.ndarray] = [np.asarray(row, dtype=dtype) for row in rows]
        values = np.concatenate(parts) if parts else np.empty(0, dtype)
        return cls(values.astype(dtype, copy=False), stops - lengths, stops)

    @classmethod
    def table(cls, rows: np.ndarray) -> Ragged:
        """Rows of the same length, (Q, C)."""
        starts = np.arange(len(rows), dtype=np.int64) * rows.shape[1]
        return cls(np.ascontiguousarray(rows).reshape(-1), starts, starts + rows.shape[1])

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.starts[row] : self.stops[row]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> np.ndarray:
        """(Q,) number of values in each row."""
        return self.stops - self.starts

    def rows(self, chosen: np.ndarray | slice) -> Ragged:
        """The chosen rows, values shared."""
        return Ragged(self.values, self.starts[chosen], self.stops[chosen])

    def last(self, count: int) -> Ragged:
        """At most the last `count` values of each row, values shared."""
        return Ragged(self.values, np.maximum(self.starts, self.stops - count), self.stops)

    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers (N,) and values (N,), row after row."""
        row, place = self.places()
        return row, self.values[place]

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Row number (N,) and place in `values` (N,) of each value, row after row."""
        lengths = self.lengths
        row = np.repeat(np.arange(len(self)), lengths)
        before = np.cumsum(lengths) - lengths
        return row, np.arange(len(row)) - before[row] + self.starts[row]

    def compact(self) -> Ragged:
        """The same rows with values of their own, one after the other."""
        _, values = self.flat()
        stops = np.cumsum(self.lengths)
        return Ragged(values, stops - self.lengths, stops)

    def padded(self, fill: int = -1) -> np.ndarray:
        """(Q, longest) the rows side by side, `fill` behind each."""
        width = int(self.lengths.max(initial=0))
        grid = np.arange(width)[None, :] < self.lengths[:, None]
        out = np.full(grid.shape, fill, dtype=self.values.dtype)
        out[grid] = self.flat()[1]
        return out


def joined(first: Ragged, second: Ragged) -> Ragged:
    """Row by row, the values of `first` and then those of `second`."""
    lengths = first.lengths + second.lengths
    stops = np.cumsum(lengths)
    starts = stops - lengths
    values = np.empty(int(lengths.sum()), dtype=np.result_type(first.values, second.values))
    for part, offset in ((first, starts), (second, starts + first.lengths)):
        row, place = part.places()
        values[place - part.starts[row] + offset[row]] = part.values[place]
    return Ragged(values, starts, stops)


def column(rows: Ragged, values: np.ndarray) -> Ragged:
    """The same slices of another column that is aligned with ``rows.values``."""
    return Ragged(values, rows.starts, rows.stops)


def columns(rows: Ragged, table: Mapping[str, np.ndarray]) -> dict[str, Ragged]:
    """The same slices of several aligned columns."""
    return {name: column(rows, values) for name, values in table.items()}
