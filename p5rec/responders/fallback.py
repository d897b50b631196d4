"""Asks one ranker after the other until each list is full."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from p5rec.contracts import Dataset, ItemLists, Queries, Responder
from p5rec.core.config import Config as Settings
from p5rec.data.answers import NOTHING, reasoned
from p5rec.data.ragged import Ragged


class Fallback(Responder):
    """The first ranker answers where it can; what is missing comes from the next ones, behind and without repeats.

    A query whose history is shorter than `history` goes straight to the last ranker. Scores of later rankers are
    moved below those of earlier ones, so that each list stays in order.
    """

    class Config(Settings):
        """Settings of falling back."""

        history: int = Field(1, ge=0, description="shortest history that any ranker but the last is asked about")

    def __init__(self, config: Config, inner: Mapping[str, Responder], dataset: Dataset) -> None:
        self.config, self.inner, self.count = config, list(inner.values()), dataset.n_items
        self.reads = self.inner[0].reads

    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        """Lists of k, filled from ranker to ranker; all scores with ``k = None``."""
        known = (queries.history.compact().values >= 0).astype(np.int64)
        rows = np.repeat(np.arange(len(queries)), queries.history.lengths)
        asked = np.bincount(rows, weights=known, minlength=len(queries)) >= self.config.history
        asked |= queries.prompt is not None  # words say something even where no history does
        if k is None:
            return self._all(queries, asked)
        lists = self._empty(len(queries), k)
        for place, responder in enumerate(self.inner):
            last = place == len(self.inner) - 1
            open_rows = np.flatnonzero((asked | last) & (lists.items[:, -1:] == NOTHING).any(1))
            if len(open_rows):
                found = _among(queries.rows(open_rows), lists.items[open_rows])
                _fill(lists, open_rows, responder(found, k))
        return reasoned(lists, k, self.count, queries.candidates)

    def similar(self, items: np.ndarray, k: int) -> ItemLists:
        """As the first ranker says."""
        return self.inner[0].similar(items, k)

    def _all(self, queries: Queries, asked: np.ndarray) -> ItemLists:
        """All scores; what an earlier ranker may not answer lies below what it may."""
        lists: ItemLists | None = None
        for place, responder in enumerate(self.inner):
            answer = responder(queries, None)
            assert isinstance(answer, ItemLists)
            scores = answer.scores if place == len(self.inner) - 1 else np.where(asked[:, None], answer.scores, -np.inf)
            lists = ItemLists(answer.items, scores if lists is None else _below(lists.scores, scores))
        assert lists is not None
        return lists

    def _empty(self, rows: int, k: int) -> ItemLists:
        return ItemLists(np.full((rows, k), NOTHING, np.int64), np.full((rows, k), -np.inf, np.float32))


def _among(queries: Queries, found: np.ndarray) -> Queries:
    """The same queries without what was found already."""
    if (found == NOTHING).all():
        return queries
    return queries.excluding(Ragged.of([row[row != NOTHING] for row in found]))


def _fill(lists: ItemLists, rows: np.ndarray, answer: object) -> None:
    """Put an answer behind what the lists hold, in place."""
    assert isinstance(answer, ItemLists)
    for row, items, scores in zip(rows, answer.items, answer.scores, strict=True):
        held = int((lists.items[row] != NOTHING).sum())
        count = min(int((items != NOTHING).sum()), lists.items.shape[1] - held)
        if not count:
            continue
        drop = max(float(scores[0]) - float(lists.scores[row, held - 1]) + 1.0, 0.0) if held else 0.0
        lists.items[row, held : held + count] = items[:count]
        lists.scores[row, held : held + count] = scores[:count] - drop


def _below(first: np.ndarray, then: np.ndarray) -> np.ndarray:
    """`first` where it is finite, `then` moved below it elsewhere."""
    finite, new = np.isfinite(first), np.isfinite(then) & ~np.isfinite(first)
    low = np.where(finite, first, np.inf).min(1, keepdims=True)
    high = np.where(new, then, -np.inf).max(1, keepdims=True)
    both = np.isfinite(low) & np.isfinite(high)
    drop = np.where(both, np.maximum(np.where(both, high, 0) - np.where(both, low, 0) + 1.0, 0.0), 0.0)
    return np.where(finite, first, then - drop).astype(np.float32)
