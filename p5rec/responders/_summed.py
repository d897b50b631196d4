"""What all sums of several rankings share: whole rankings in chunks, added up on a scale of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from p5rec.blocks.best import best
from p5rec.contracts import Answers, Dataset, ItemLists, Queries, Responder
from p5rec.core.config import Config
from p5rec.data.answers import NOTHING, reasoned

CHUNK = 512  # queries at once


class Summed(Responder):
    """Ranks by a sum over rankers of share x value, over full rankings; a plug says what a value and a share are.

    An item that any ranker may not answer is not answered. Where a query has a prompt, rankers that do not read words
    have no say, and those that do have equal shares.

    Attributes:
        inner: the rankers by name.
        count: V, items of the catalogue.
    """

    def __init__(self, config: Config, inner: Mapping[str, Responder], dataset: Dataset) -> None:
        self.config, self.inner, self.count = config, dict(inner), dataset.n_items
        self.reads = any(one.reads for one in inner.values())

    @abstractmethod
    def value(self, scores: Tensor) -> Tensor:
        """(Q, C) values of the scores of one ranker; -inf stays -inf."""

    def shares(self, queries: Queries) -> np.ndarray:
        """(M,) how much each ranker counts, or (Q, M) for each query; equal and summing to 1 unless overridden."""
        return np.full(len(self.inner), 1 / len(self.inner))

    def __call__(self, queries: Queries, k: int | None) -> Answers:
        """The best of the sum."""
        starts = range(0, max(len(queries), 1), CHUNK)
        lists = _stacked([self._some(queries.rows(slice(start, start + CHUNK)), k) for start in starts])
        return lists if k is None else reasoned(lists, k, self.count, queries.candidates)

    def _some(self, queries: Queries, k: int | None) -> ItemLists:
        """Answers of one chunk, reasons left out."""
        items = np.empty(0)

        def scores(name: str) -> Tensor:
            nonlocal items
            answer = self.inner[name](queries, None)
            assert isinstance(answer, ItemLists)
            items = answer.items
            return torch.from_numpy(answer.scores)

        total = self.summed(scores, queries)
        if k is None:
            return ItemLists(items, total.numpy())
        values, columns = (part.numpy() for part in best(total, k))
        return ItemLists(np.where(np.isneginf(values), NOTHING, np.take_along_axis(items, columns, axis=1)), values)

    def summed(self, scores: Callable[[str], Tensor], queries: Queries) -> Tensor:
        """(Q, C) the sum, from (Q, C) `scores` of each ranker that has a say, called one after the other."""
        total = torch.zeros(())
        for name, share in self._heard(queries).items():
            total = total + share.unsqueeze(-1) * self.value(scores(name))
        return total.masked_fill(total.isnan(), -torch.inf)  # a share of 0 times -inf

    def _heard(self, queries: Queries) -> dict[str, Tensor]:
        """The rankers that have a say, and their shares: one number, or (Q,)."""
        if not self.reads or queries.prompt is None:
            shares = torch.as_tensor(self.shares(queries), dtype=torch.float32)
            return dict(zip(self.inner, shares.unbind(-1), strict=True))
        readers = [name for name, one in self.inner.items() if one.reads]
        return {name: torch.tensor(1 / len(readers)) for name in readers}


def _stacked(parts: list[ItemLists]) -> ItemLists:
    """Chunks of answers as one; candidates of different width are padded, the whole catalogue is not copied."""
    if len(parts) == 1:
        return parts[0]
    width = max(part.items.shape[1] for part in parts)
    scores = np.concatenate([_wide(part.scores, width, -np.inf) for part in parts])
    if all(part.items.strides[0] == 0 for part in parts):
        return ItemLists(np.broadcast_to(parts[0].items[0], scores.shape), scores)
    return ItemLists(np.concatenate([_wide(part.items, width, NOTHING) for part in parts]), scores)


def _wide(values: np.ndarray, width: int, fill: float) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, width - values.shape[1])), constant_values=fill)
