"""The search for the few weights of a sum of rankings: only items that can reach the first places run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from p5rec.blocks.scales import DIALS, loudness, places, shaped, standard
from p5rec.contracts import Queries, Responder, Truth
from p5rec.core.errors import InputError
from p5rec.data.answers import NOTHING
from p5rec.responders._summed import CHUNK
from p5rec.responders._whole import full, repeated

TRUE = 10  # right items of a query that are looked at
PLACES = 10  # that gain: NDCG@10
FAR = 500  # places; a right item behind them in every ranking is out of reach of the first ten of any sum
Gain = Callable[[np.ndarray], Tensor]  # weights (M,), or (Q, M) of each query → (Q,) NDCG@10


@dataclass(frozen=True)
class Race:
    """The items that can reach the first ten places of held-out queries, and what scales them.

    The best `depth` of each ranker and the true items run; an item that is deep in every ranking cannot win.

    Attributes:
        true: (Q, T) bool whether a column is a true item; the first T columns of `z` and `place` are theirs.
        z: (Q, T + C, M) standardised scores; -inf for pads and items that stand in another column already.
        place: (Q, T + C, M) places in the full rankings.
        loud: (Q, 1, M, dials) log of the sum of ``exp(z / dial)`` over the full ranking, of the dials of softmax.
    """

    true: Tensor
    z: Tensor
    place: Tensor
    loud: Tensor

    @classmethod
    def of(cls, inner: Mapping[str, Responder], count: int, depth: int, queries: Queries, truth: Truth) -> Race:
        """The race of rankers over a catalogue of `count` items.

        Raises:
            InputError: the queries have candidates.
        """
        if queries.candidates is not None:
            raise InputError("weights of rankers are chosen on full rankings; leave candidates out of the queries")
        goals = torch.from_numpy(truth.items.padded(NOTHING)[:, :TRUE].astype(np.int64))
        found: list[Tensor] = []  # made once and filled, so that chunks leave no holes in memory
        for start in range(0, len(queries), CHUNK):
            rows = slice(start, start + CHUNK)
            parts = _heat(inner, count, depth, queries.rows(rows), goals[rows])
            found = found or [part.new_empty(len(queries), *part.shape[1:]) for part in parts]
            for whole, part in zip(found, parts, strict=True):
                whole[rows] = part
        return cls(*found)

    def rows(self, chosen: np.ndarray) -> Race:
        """Some of the queries."""
        kept = torch.from_numpy(chosen)
        return Race(self.true[kept], self.z[kept], self.place[kept], self.loud[kept])

    def on(self, scale: str, dial: float) -> Gain:
        """Weights → NDCG@10 of each query (Q,) on a scale."""
        within = self._undecided()
        true, loud = self.true[within], self.loud[within][..., DIALS[scale].index(dial)] if scale == "softmax" else None
        duels = Duels.of(shaped(self.z[within], self.place[within], loud, scale, dial), true)

        def gain(weights: np.ndarray) -> Tensor:
            each = torch.as_tensor(weights, dtype=torch.float32)
            found = torch.zeros(len(self.true))
            found[within] = duels.gain(each[within] if each.dim() > 1 else each)
            return found

        return gain

    def _undecided(self) -> Tensor:
        """(R,) the queries of which a right item is within reach; the others gain nothing, whatever the weights."""
        near = (self.place[:, : self.true.shape[1]] <= FAR).any(2) & self.true
        return near.any(1).nonzero().squeeze(1)


@dataclass(frozen=True)
class Duels:
    """The pairs of a true item and a rival whose order depends on the weights; a tie counts against a true item.

    No weight is below 0, so that a rival who is ahead in every ranking is ahead in every sum: most pairs are decided
    before the search begins.

    Attributes:
        margins: (P, M) value of the rival minus that of the true item.
        least: (P,) sum of margins from which on the rival is ahead: 0, or above 0 where both are true items.
        bounds: (G + 1,) the duels of each true item stand side by side.
        ahead: (G,) rivals of each true item that are ahead whatever the weights.
        query: (G,) of each true item.
        ideal: (Q,) highest DCG@10 of each query.
    """

    margins: Tensor
    least: Tensor
    bounds: Tensor
    ahead: Tensor
    query: Tensor
    ideal: Tensor

    @classmethod
    def of(cls, values: Tensor, true: Tensor) -> Duels:
        """The open duels of values (Q, T + C, M), -inf for pads, the first T columns of which are `true` (Q, T)."""
        there = values.isfinite().all(2)
        width = true.shape[1]
        parts = [_met(values, there, true[:, column] & there[:, column], column, width) for column in range(width)]
        margins, least, sizes, ahead, query = (torch.cat(part) for part in zip(*parts, strict=True))
        ideal = (1 / torch.log2(torch.arange(PLACES) + 2.0)).cumsum(0)[true.sum(1).clamp(1, PLACES) - 1]
        return cls(margins, least, torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]), ahead, query, ideal)

    def gain(self, weights: Tensor) -> Tensor:
        """(Q,) NDCG@10 of weights (M,), or (Q, M) of each query."""
        if weights.dim() > 1:
            weights = weights[self.query].repeat_interleave(self.bounds.diff(), dim=0)
            total = (self.margins * weights).sum(1)
        else:
            total = self.margins @ weights
        lost = F.pad((total >= self.least).cumsum(0), (1, 0))[self.bounds].diff()
        rank = 1 + self.ahead + lost
        each = (rank <= PLACES) / torch.log2(rank + 1.0)
        return torch.zeros_like(self.ideal).index_add_(0, self.query, each) / self.ideal


def _met(values: Tensor, there: Tensor, asked: Tensor, column: int, width: int) -> tuple[Tensor, ...]:
    """Margins, least, sizes, ahead and query of the duels of one column of true items."""
    query = asked.nonzero().squeeze(1)
    margins = values[query] - values[query, column].unsqueeze(1)
    least = margins.new_zeros(margins.shape[1])
    least[:width] = torch.finfo(margins.dtype).tiny
    beats, present = margins >= least.unsqueeze(1), there[query]
    present[:, column] = False
    ahead = (beats.all(2) & present).sum(1)
    reach = ahead < PLACES  # whom ten are ahead of gains nothing
    open_ = beats.any(2) & ~beats.all(2) & present & reach.unsqueeze(1)
    place = open_[reach].nonzero()[:, 1]
    return margins[open_], least[place], open_[reach].sum(1), ahead[reach], query[reach]


def _heat(
    inner: Mapping[str, Responder], count: int, depth: int, queries: Queries, goals: Tensor
) -> tuple[Tensor, ...]:
    """True columns, standardised scores, places and loudness of a chunk."""
    z = torch.stack([standard(full(one, queries)) for one in inner.values()])
    first = z.topk(min(depth, count)).indices
    runners = torch.cat([goals, first.transpose(0, 1).flatten(1)], dim=1)
    again, runners = repeated(runners) | (runners < 0), runners.clamp(min=0)
    found = z.gather(2, runners.expand(len(z), -1, -1))
    place = torch.stack([places(one, asked) for one, asked in zip(z, found, strict=True)])
    here = found.masked_fill(again, -torch.inf)
    loud = torch.stack([torch.stack([loudness(one, dial) for one in z]) for dial in DIALS["softmax"]], dim=-1)
    true = ~again[:, : goals.shape[1]]
    return true, here.permute(1, 2, 0).contiguous(), place.permute(1, 2, 0), loud.permute(1, 2, 0, 3)


def clearly_best(gains: Tensor) -> int:
    """The row of (N, Q) gains with the highest mean, if it leads the first row by a standard error; else the first."""
    lead = gains - gains[0]
    sure = lead.mean(1) > lead.std(1, correction=0) / max(gains.shape[1], 1) ** 0.5
    return int(gains.mean(1).masked_fill(~sure, -torch.inf).argmax()) if bool(sure.any()) else 0
