"""One model as a ranker that looks its items up in an index instead of scoring the whole catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field

from p5rec.blocks.inference import alike, at_rest, device_of
from p5rec.contracts import Dataset, Factored, Index, ItemLists, Prompted, Queries, Responder, collate
from p5rec.core.config import Config as Settings
from p5rec.data.answers import NOTHING, reasoned
from p5rec.data.index import Indexed


class Nearest(Indexed, Responder):
    """The k items nearest to the vector of each query, of those that may be answered.

    So many more are looked up as a query excludes. Whatever is not a list out of the whole catalogue (candidates,
    all scores, what is like an item) is as the inner ranker, which looks at every item, says.

    Attributes:
        exact: the ranker of one factored model.
        count: V, items of the catalogue.
    """

    class Config(Settings):
        """Settings of looking items up."""

        index: str | dict[str, Any] = Field("faiss", description="index of vectors, or a table with its name")
        tokens: int = Field(32_768, ge=1, description="positions encoded at once: rows of a batch x length")

    parts = (1, 1)

    def __init__(self, config: Config, inner: Mapping[str, Responder], dataset: Dataset) -> None:
        (self.exact,) = inner.values()
        self.model: Factored | None = getattr(self.exact, "model", None)  # none where it cannot grow, and must
        self.config, self.count, self.reads = config, dataset.n_items, self.exact.reads
        self._filled = False

    def refresh(self) -> None:
        """Fill the index anew when it is used next; to be called when the model has changed."""
        self._filled = False
        self.exact.refresh()  # type: ignore[attr-defined]

    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        """The k nearest items of each query; all scores, by the inner ranker, with ``k = None``."""
        if k is None or queries.candidates is not None or self.index is None or self.model is None:
            lists = self.exact(queries, k)
            assert isinstance(lists, ItemLists)
            return lists
        items = np.full((len(queries), k), NOTHING, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        with at_rest(self.model):
            self._fill(self.index, self.model)
            for rows in self._batches(queries, self.model.length):
                items[rows], scores[rows] = self._near(self.index, self.model, queries.rows(rows), k)
        return reasoned(ItemLists(items, scores), k, self.count)

    def similar(self, items: np.ndarray, k: int) -> ItemLists:
        """As the inner ranker says."""
        return self.exact.similar(items, k)

    def _fill(self, index: Index, model: Factored) -> None:
        if not self._filled:
            index.build(model.catalogue().float().numpy(force=True))
            self._filled = True

    def _near(self, index: Index, model: Factored, queries: Queries, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Items and scores (Q, k) of a batch, pads behind."""
        if not isinstance(model, Prompted):
            queries = replace(queries, prompt=None)  # it reads the history, as it was trained to
        stream = collate(queries, model.length).to(device_of(model))
        asked = model.vectors(model.encode(stream)).squeeze(1).float().numpy(force=True)
        out = queries.excluded
        items, scores = index.search(asked, k + (0 if out is None else int(out.lengths.max(initial=0))))
        if out is not None:
            items, scores = _without(items, scores, *out.flat())
        missing = ((0, 0), (0, max(k - items.shape[1], 0)))
        items = np.pad(items, missing, constant_values=NOTHING)[:, :k]
        return items, np.pad(scores, missing, constant_values=-np.inf)[:, :k]

    def _batches(self, queries: Queries, longest: int | None) -> Iterator[np.ndarray]:
        """Query numbers in batches of like length."""
        read = queries.history if queries.prompt is None else queries.prompt
        lengths = np.minimum(read.lengths + 2, longest or np.inf).astype(np.int64)  # with START and BLANK
        return alike(lengths, lambda length: self.config.tokens // max(length, 1))


def _without(items: np.ndarray, scores: np.ndarray, row: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lists (Q, K) from which excluded pairs (row, item) are gone; the rest moves up, pads follow."""
    width = int(items.max(initial=0)) + 2
    keys = np.arange(len(items))[:, None] * width + items
    known = (item >= 0) & (item < width)
    gone = np.isin(keys, row[known] * width + item[known])
    order = np.argsort(gone, axis=1, kind="stable")
    items, scores = np.where(gone, NOTHING, items), np.where(gone, -np.inf, scores)
    return np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1).astype(np.float32)
