"""Prompts as data: rows of words, users, items and numbers in order, some of which are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from p5rec.core.things import Kind
from p5rec.data.ragged import Ragged

NOWHERE = -1  # the place of what is no event of the history


@dataclass(frozen=True)
class Segment:
    """One part of Q prompts: what a placeholder stands for, or the words between two.

    Attributes:
        kind: of all its things.
        rows: Q rows of word, user or item numbers; of a NUMBER the number of its field.
        numbers: (N,) float32 aligned with the values of `rows` (NUMBER only).
        history: the rows are slices of the queries' history, so that side columns are known and old ones may be cut.
        asked: the things are the answer.
    """

    kind: Kind
    rows: Ragged
    numbers: np.ndarray | None = None
    history: bool = False
    asked: bool = False


@dataclass(frozen=True)
class Prompts:
    """Q prompts, N things in all; row q is ``starts[q]:stops[q]`` of each array.

    Attributes:
        starts, stops: (Q,) int64.
        kinds: (N,) int64, a `Kind` each.
        values: (N,) int64: word, user or item number; field of a NUMBER.
        numbers: (N,) float32, of a NUMBER.
        places: (N,) int64: where an item of the history stands in its column, `NOWHERE` for all else.
        asked: (N,) bool: what is an answer.
    """

    starts: np.ndarray
    stops: np.ndarray
    kinds: np.ndarray
    values: np.ndarray
    numbers: np.ndarray
    places: np.ndarray
    asked: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> np.ndarray:
        """(Q,) things of each prompt."""
        return self.stops - self.starts

    @classmethod
    def laid(cls, segments: Sequence[Segment]) -> Prompts:
        """Q prompts out of their segments, in the order given."""
        lengths = np.stack([segment.rows.lengths for segment in segments])
        stops = np.cumsum(lengths.sum(0))
        begins = (stops - lengths.sum(0)) + np.cumsum(lengths, axis=0) - lengths
        made = _empty(stops - lengths.sum(0), stops)
        for segment, begin in zip(segments, begins, strict=True):
            row, place = segment.rows.places()
            at = place - segment.rows.starts[row] + begin[row]
            made.kinds[at], made.values[at] = segment.kind, segment.rows.values[place]
            made.asked[at] = segment.asked
            if segment.history:
                made.places[at] = place
            if segment.numbers is not None:
                made.numbers[at] = segment.numbers[place]
        return made

    @classmethod
    def stacked(cls, parts: Sequence[Prompts]) -> Prompts:
        """The rows of all parts, one part after the other."""
        compact = [part.compact() for part in parts]
        before = np.cumsum([0, *(len(part.kinds) for part in compact[:-1])])
        arrays = {f.name: np.concatenate([getattr(part, f.name) for part in compact]) for f in fields(cls)}
        shift = np.repeat(before, [len(part) for part in compact])
        return cls(**{**arrays, "starts": arrays["starts"] + shift, "stops": arrays["stops"] + shift})

    def rows(self, chosen: np.ndarray | slice) -> Prompts:
        """The chosen prompts, things shared."""
        return Prompts(self.starts[chosen], self.stops[chosen], *self._things())

    def compact(self) -> Prompts:
        """The same prompts with things of their own, one row after the other."""
        place = self.cells()[1]
        stops = np.cumsum(self.lengths)
        return Prompts(stops - self.lengths, stops, *(values[place] for values in self._things()))

    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """Row (N,) and place (N,) of each thing, row after row."""
        return Ragged(self.kinds, self.starts, self.stops).places()

    def without_answers(self) -> Prompts:
        """The same prompts without the things that are asked for."""
        return self.compact()._kept(~self.compact().asked)

    def cut(self, room: np.ndarray | int) -> Prompts:
        """At most `room` (Q,) things a row: the oldest of the history go first, then words in front, then other things
        in front; answers go last, from their end.
        """
        if (self.lengths <= room).all():
            return self
        whole = self.compact()
        row, place = whole.cells()
        urgency = np.select([whole.asked, whole.places >= 0, whole.kinds == Kind.WORD], [3, 0, 1], 2)
        within = place - whole.starts[row]
        order = np.lexsort((np.where(urgency == 3, -within, within), urgency, row))
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order)) - whole.starts[row[order]]
        return whole._kept(rank >= (whole.lengths - np.broadcast_to(room, len(whole)))[row])

    def _kept(self, keep: np.ndarray) -> Prompts:
        """The things where `keep` (N,) is true; self is compact."""
        counted = np.concatenate([[0], np.cumsum(keep)])
        things = (values[keep] for values in self._things())
        return Prompts(counted[self.starts], counted[self.stops], *things)

    def _things(self) -> tuple[np.ndarray, ...]:
        return self.kinds, self.values, self.numbers, self.places, self.asked


def of_history(history: Ragged) -> Prompts:
    """Prompts that hold the history and nothing else."""
    return Prompts.laid([Segment(Kind.ITEM, history, history=True)])


def _empty(starts: np.ndarray, stops: np.ndarray) -> Prompts:
    count = int(stops[-1]) if len(stops) else 0
    return Prompts(
        starts=starts,
        stops=stops,
        kinds=np.zeros(count, dtype=np.int64),
        values=np.zeros(count, dtype=np.int64),
        numbers=np.zeros(count, dtype=np.float32),
        places=np.full(count, NOWHERE, dtype=np.int64),
        asked=np.zeros(count, dtype=bool),
    )
