"""A learned second stage: a small network ranks what the first stages put near the top.

After Wolpert 1992 (stacking) and Cao et al. 2007 (a choice from a list as the loss). Retrieval and ranking are two
stages over the same queries: the network is trained on exactly the candidates that it will see.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec.blocks.scales import standard
from p5rec.contracts import Answers, Dataset, Learned, Queries, Responder, Truth
from p5rec.core import seed as seeds
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.core.progress import say
from p5rec.data.answers import NOTHING
from p5rec.responders._evidence import Evidence, Knowledge
from p5rec.responders._network import Lesson, Network, taught
from p5rec.responders._race import clearly_best
from p5rec.responders._whole import answered, full

CHUNK = 256  # queries at once
PLACES = 10  # that gain: NDCG@10
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the network's say beside the first stages', that validation tries


class Stack(Learned):
    """A network over the scores of first stages, popularity, lengths, pairs and content (see `_evidence`).

    It learns on events that its first stages have not seen. On validation its share beside the first stages is chosen,
    and whether these speak by their mean or, where it leads clearly, by one of them. Items that no first stage puts
    near the top follow behind, by the same. The network never saw words: where a query has a prompt, the first stages
    that read words answer, with equal shares.

    Attributes:
        share: of the network, both sides standardised over the candidates of a query; 0 before it has learned.
        base: the first stage that speaks for all, "" where their mean does.
    """

    class Config(Settings):
        """Settings of the second stage."""

        depth: int = Field(100, ge=5, description="best items of each first stage that compete")
        width: int = Field(128, ge=1, description="width of the network's two hidden layers")
        passes: int = Field(4, ge=1, description="over the queries; the best of them is kept")
        rate: float = Field(0.002, gt=0, description="highest learning rate")
        dropout: float = Field(0.2, ge=0, lt=1, description="dropout inside the network")
        queries: int = Field(20_000, ge=1, description="queries of each fit, a seeded sample")

    def __init__(self, config: Config, inner: Mapping[str, Responder], dataset: Dataset) -> None:
        self.config, self.inner, self.dataset = config, dict(inner), dataset
        self.count, self.seed = dataset.n_items, dataset.seed
        self.reads = any(one.reads for one in inner.values())
        self.share, self.base = 0.0, ""
        self._network: Network | None = None

    @cached_property
    def known(self) -> Knowledge:
        """First stages and what the data tells of items, gathered when first asked."""
        return Knowledge(self.inner, self.dataset, self.config.depth)

    # ------------------------------------------------------------ learning

    @property
    def text(self) -> str:  # type: ignore[override]
        """The network's weights."""
        return self._network.text() if self._network else ""

    @text.setter
    def text(self, text: str) -> None:
        self._network = Network.of(text) if text else None
        self.share = 1.0 if text else 0.0

    def learn(self, queries: Queries, truth: Truth) -> None:
        """Learn from queries whose right item competes; the others tell nothing."""
        lesson, config = self._lesson(*self._sample(queries, truth)), self.config
        if not len(lesson):
            say("stack: no first stage has a right item among its best, so it learns nothing, and they answer")
            return
        seed = seeds.number(self.seed, "stack") % 2**31
        self._network = taught(lesson, config.width, config.passes, config.rate, config.dropout, seed)
        self.share = 1.0

    def _lesson(self, queries: Queries, truth: Truth) -> Lesson:
        """The candidates of each query whose right item is among them.

        Items of which the fold has no event are left out: each of them was taken by somebody later, so that being new
        would say that it is the answer.
        """
        facts, right, sizes = [np.zeros((0, len(self.known.names)), np.float32)], [np.zeros(0, bool)], []
        for seen, true in self._seen(queries, truth):
            known = ~seen.pads & (self.known.counts[np.maximum(seen.items, 0)] > 0)
            hit = true & known
            kept = hit.any(1)[:, None] & known
            facts.append(seen.facts[kept])
            right.append(hit[kept])
            sizes += [int(size) for size in kept.sum(1) if size]
        return Lesson(np.concatenate(facts), np.concatenate(right), sizes)

    def _sample(self, queries: Queries, truth: Truth) -> tuple[Queries, Truth]:
        if len(queries) <= self.config.queries:
            return queries, truth
        drawn = np.sort(seeds.rng(self.seed, "stack").choice(len(queries), self.config.queries, replace=False))
        return queries.rows(drawn), truth.rows(drawn)

    def _seen(self, queries: Queries, truth: Truth) -> Any:
        """Evidence of chunks of queries, and (Q, C) which of its items are right."""
        goals = truth.items.padded(NOTHING)
        for start in range(0, len(queries), CHUNK):
            rows = slice(start, start + CHUNK)
            seen = self.known.of(queries.rows(rows))
            yield seen, (seen.items[:, :, None] == goals[rows, None, :]).any(2) & ~seen.pads

    # ------------------------------------------------------------ the few weights

    def fit(self, queries: Queries, truth: Truth) -> None:
        """Choose the network's share, and who speaks for the first stages, by NDCG@10.

        Raises:
            InputError: there is nothing to choose by.
        """
        if not len(queries):
            raise InputError("stack: there are no validation queries to choose its weights by; choose another split")
        queries, truth = self._sample(queries, truth)
        shares, bases = SHARES if self._network else (0.0,), ["", *(self.inner if len(self.inner) > 1 else ())]
        gains = []
        for seen, true in self._seen(queries, truth):
            said = self._said(seen)
            sides = [(self._first(seen, base), said) for base in bases]
            gains.append([[_gain(_mixed(side, share), true) for share in shares] for side in sides])
        ideal = (1 / np.log2(np.arange(PLACES) + 2.0)).cumsum()[truth.items.lengths.clip(1, PLACES) - 1]
        found = torch.from_numpy(np.concatenate(gains, axis=2) / ideal)  # (bases, shares, Q)
        best = found.mean(2).argmax(1)
        base = clearly_best(found[torch.arange(len(bases)), best])
        self.share, self.base = shares[int(best[base])], bases[base]

    def learned(self) -> dict[str, Any]:
        """The network's share, and who speaks beside it."""
        return {"share": self.share, "base": self.base}

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Take what `learned` gave; a first stage that is missing now leaves its place to the mean."""
        self.share, base = float(learned["share"]), str(learned.get("base", ""))
        self.base = base if base in self.inner else ""

    # ------------------------------------------------------------ answers

    def __call__(self, queries: Queries, k: int | None) -> Answers:
        """The best by network and first stages."""
        return answered(self._total, queries, k, self.count, CHUNK)

    def _total(self, queries: Queries) -> Tensor:
        """(Q, V) scores: candidates above all others, which follow by the mean of the first stages."""
        if self.reads and queries.prompt is not None:
            heard = [standard(full(one, queries)) for one in self.inner.values() if one.reads]
            return torch.stack(heard).mean(0)
        seen = self.known.of(queries)
        first = seen.z[list(self.inner).index(self.base)] if self.base else seen.mean
        rest = (first - first.amax(1, keepdim=True)).masked_fill(seen.mean.isneginf(), -torch.inf)
        if not self.share:
            return rest
        joint = _mixed((self._first(seen, self.base), self._said(seen)), self.share)
        least = np.where(seen.pads, np.inf, joint).min(axis=1, initial=0.0)
        total = rest - 1.0
        row, column = np.nonzero(~seen.pads)
        above = (joint - least[:, None])[row, column].astype(np.float32)
        total[torch.from_numpy(row), torch.from_numpy(seen.items[row, column])] = torch.from_numpy(above)
        return total

    def _first(self, seen: Evidence, base: str) -> np.ndarray:
        """(Q, C) what a first stage says, or, for "", the mean of all, standardised; -inf for pads."""
        fact = self.known.names.index(f"{base} z" if base else "mean z")
        return _standard(seen.facts[..., fact], seen.pads)

    def _said(self, seen: Evidence) -> np.ndarray:
        """(Q, C) what the network says, standardised; -inf for pads."""
        said = np.zeros(seen.items.shape)
        if self._network is not None:
            with torch.inference_mode():
                said[~seen.pads] = self._network(torch.from_numpy(seen.facts[~seen.pads])).double().numpy()
        return _standard(said, seen.pads)


def _mixed(sides: tuple[np.ndarray, np.ndarray], share: float) -> np.ndarray:
    """(Q, C) the two sides together; -inf stays."""
    first, second = sides
    with np.errstate(invalid="ignore"):  # a share of 0 times -inf
        return np.where(np.isneginf(first), -np.inf, (1 - share) * first + share * second)


def _standard(values: np.ndarray, pads: np.ndarray) -> np.ndarray:
    """(Q, C) values with mean 0 and deviation 1 in each row; -inf for pads."""
    count = np.maximum((~pads).sum(1, keepdims=True), 1)
    centred = np.where(pads, 0, values - np.where(pads, 0, values).sum(1, keepdims=True) / count)
    deviation = np.sqrt((centred**2).sum(1, keepdims=True) / count)
    return np.where(pads, -np.inf, centred / np.maximum(deviation, 1e-9))


def _gain(scores: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(Q,) DCG@10; a tie counts against the right item."""
    row, column = np.nonzero(true)
    rank = (scores[row] >= scores[row, column][:, None]).sum(1)
    return np.bincount(row, (rank <= PLACES) / np.log2(rank + 1.0), minlength=len(true))
