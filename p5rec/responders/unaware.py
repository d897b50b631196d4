"""A ranker that knows only the first of the items, among those that have come since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from pydantic import Field

from p5rec.contracts import Dataset, ItemLists, Queries, Responder
from p5rec.core.config import Config as Settings
from p5rec.data.answers import NOTHING
from p5rec.data.queries import UNKNOWN
from p5rec.data.ragged import Ragged


class Unaware(Responder):
    """Answers as if newer items did not exist: what its model, which cannot grow, still knows how to do.

    Events of newer items are left out of histories; newer candidates are not answered.

    Attributes:
        known: items that the inner ranker knows.
        count: V, items of the catalogue.
    """

    class Config(Settings):
        """Settings of answering without the newer items."""

        known: int = Field(0, ge=0, description="items that the inner ranker knows, the first ones; 0: all")

    internal = True

    def __init__(self, config: Config, inner: Mapping[str, Responder], dataset: Dataset) -> None:
        (self.inner,) = inner.values()
        self.config, self.count = config, dataset.n_items
        self.known = min(config.known or self.count, self.count)

    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        """The inner answers; with ``k = None`` newer items stand in their columns with scores of -inf."""
        lists = self.inner(self._before(queries), k)
        assert isinstance(lists, ItemLists)
        if k is not None or self.known == self.count:
            return lists
        if queries.candidates is not None:
            return replace(lists, items=queries.candidates.padded(NOTHING).astype(np.int64))
        new = np.full((len(queries), self.count - self.known), -np.inf, dtype=np.float32)
        every = np.broadcast_to(np.arange(self.count), (len(queries), self.count))
        return replace(lists, items=every, scores=np.concatenate([lists.scores, new], axis=1))

    def similar(self, items: np.ndarray, k: int) -> ItemLists:
        """As the inner ranker says; nothing is like a newer item."""
        old = np.asarray(items) < self.known
        found = self.inner.similar(np.where(old, items, 0), k)
        return ItemLists(
            np.where(old[:, None], found.items, NOTHING), np.where(old[:, None], found.scores, -np.inf), found.short
        )

    def _before(self, queries: Queries) -> Queries:
        """The same queries without what the inner ranker does not know."""
        if self.known == self.count:
            return queries
        queries = replace(queries, prompt=None, excluded=self._old(queries.excluded))
        queries = replace(queries, candidates=self._old(queries.candidates))
        row, place = queries.history.places()
        keep = queries.history.values[place] < self.known
        if keep.all():
            return queries
        lengths = np.bincount(row[keep], minlength=len(queries))
        stops = np.cumsum(lengths)

        def kept(column: Ragged) -> Ragged:
            return Ragged(column.values[place[keep]], stops - lengths, stops)

        side = {name: kept(column) for name, column in queries.side.items()}
        return replace(queries, history=kept(queries.history), side=side)

    def _old(self, rows: Ragged | None) -> Ragged | None:
        """Rows of items, newer ones unknown; places stay."""
        if rows is None:
            return None
        rows = rows.compact()
        return replace(rows, values=np.where(rows.values < self.known, rows.values, UNKNOWN))
