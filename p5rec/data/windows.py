"""Training histories in windows, and windows in batches of like length, so that padding is not paid for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p5rec.core import seed as seeds
from p5rec.core.errors import InputError
from p5rec.data.dataset import Dataset
from p5rec.data.queries import Queries
from p5rec.data.ragged import Ragged

PASS = 40  # batches a pass has at least, where that leaves each of them `SMALL` things: little data takes many steps
SMALL = 256


@dataclass(frozen=True)
class Windows:
    """All windows of one pass over the training rows, batch after batch.

    Attributes:
        users: (W,) user of each window.
        rows: W slices of the event columns.
        edges: (S + 1,) where each batch begins.
    """

    users: np.ndarray
    rows: Ragged
    edges: np.ndarray

    def batch(self, number: int) -> tuple[np.ndarray, Ragged]:
        """Users and windows of one batch."""
        chosen = slice(self.edges[number], self.edges[number + 1])
        return self.users[chosen], self.rows.rows(chosen)


class Plan:
    """Deals the training rows into batches of about `positions` things, anew in each pass; fewer where data is small.

    Every event stands in exactly one window a pass. A history longer than `room` is cut at places that change from
    pass to pass. A pass has the same number of batches each time, none of them empty.
    """

    def __init__(self, positions: int) -> None:
        self.positions = positions
        self._last: tuple[tuple[int, int, int], Dataset, Windows] | None = None

    def steps(self, dataset: Dataset) -> int:
        """Batches of one pass.

        Raises:
            InputError: there is no training row.
        """
        things = _things(dataset)
        if not things:
            raise InputError("the data has no training row: its split holds out every event")
        return max(1, things // self._size(things))

    def queries(self, dataset: Dataset, room: int, seed: int, step: int) -> Queries:
        """The windows of one step, each of at most `room` events (and half a batch, so that no batch is empty)."""
        steps, room = self.steps(dataset), min(room, self._size(_things(dataset)) // 2 - 1)
        users, rows = self._pass(dataset, room, seed, step // steps, steps).batch(step % steps)
        return Queries(users=users, history=rows, side=dataset.side(rows))

    def _size(self, things: int) -> int:
        """Things of a batch."""
        return min(self.positions, max(things // PASS, SMALL))

    def _pass(self, dataset: Dataset, room: int, seed: int, number: int, steps: int) -> Windows:
        """The windows of a pass; the last one asked for is kept."""
        key = (room, seed, number)
        if self._last is None or self._last[0] != key or self._last[1] is not dataset:
            rng = seeds.rng(seed, "windows", number)
            self._last = key, dataset, _dealt(*cut(dataset.history("train"), room, rng), steps, rng)
        return self._last[2]


def _things(dataset: Dataset) -> int:
    """Training events, and a START for each history."""
    lengths = dataset.history("train").lengths
    return int(lengths.sum() + (lengths > 0).sum())


def cut(history: Ragged, room: int, rng: np.random.Generator) -> tuple[np.ndarray, Ragged]:
    """Cut rows into windows of at most `room`; the first cut of a longer row falls anywhere in 1 … room.

    Returns:
        Row number (W,) and W windows. Empty rows have none.
    """
    lengths = history.lengths
    first = np.where(lengths > room, rng.integers(1, room + 1, len(lengths)), np.minimum(lengths, room))
    counts = (lengths > 0) + -(-(lengths - first) // room)
    row = np.repeat(np.arange(len(lengths)), counts)
    ordinal = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    stops = np.minimum(first[row] + ordinal * room, lengths[row])
    starts = np.maximum(first[row] + (ordinal - 1) * room, 0)
    return row, Ragged(history.values, history.starts[row] + starts, history.starts[row] + stops)


def _dealt(users: np.ndarray, rows: Ragged, steps: int, rng: np.random.Generator) -> Windows:
    """Windows of like length side by side, in batches of as many things, batches in random order."""
    order = np.lexsort((rng.random(len(users)), rows.lengths))
    filled = np.cumsum(rows.lengths[order] + 1)
    edges = np.searchsorted(filled, filled[-1] * np.arange(1, steps) / steps)
    batches = np.split(order, edges)
    batches = [batches[n] for n in rng.permutation(steps)]
    ends = np.cumsum([0, *(len(batch) for batch in batches)])
    order = np.concatenate(batches)
    return Windows(users[order], rows.rows(order), ends)
