"""What all sums of several rankings share: whole rankings in chunks, added up on a scale of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from p5rec.contracts import Answers, Dataset, Queries, Responder
from p5rec.core.config import Config
from p5rec.responders._whole import answered, full

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
        """(Q, V) values of the scores of one ranker; -inf stays -inf."""

    def shares(self, queries: Queries) -> np.ndarray:
        """(M,) how much each ranker counts, or (Q, M) for each query; equal and summing to 1 unless overridden."""
        return np.full(len(self.inner), 1 / len(self.inner))

    def __call__(self, queries: Queries, k: int | None) -> Answers:
        """The best of the sum."""
        return answered(self._total, queries, k, self.count, CHUNK)

    def _total(self, queries: Queries) -> Tensor:
        """(Q, V) sums of whole rankings."""
        return self.summed(lambda name: full(self.inner[name], queries), queries)

    def summed(self, scores: Callable[[str], Tensor], queries: Queries) -> Tensor:
        """(Q, V) the sum, from (Q, V) `scores` of each ranker that has a say, called one after the other."""
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
