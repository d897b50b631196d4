"""The search for the few weights of a sum of rankings: only items that can reach the first places run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from p5rec.blocks.scales import DIALS, loudness, places, shaped, standard
from p5rec.contracts import ItemLists, Queries, Responder, Truth
from p5rec.core.errors import InputError
from p5rec.data.answers import NOTHING
from p5rec.responders._summed import CHUNK

TRUE = 10  # right items of a query that are looked at
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
        goals = torch.from_numpy(truth.items.padded(NOTHING)[:, :TRUE].astype(np.int64))
        parts = [
            _heat(inner, count, depth, queries.rows(rows), goals[rows])
            for start in range(0, len(queries), CHUNK)
            for rows in [slice(start, start + CHUNK)]
        ]
        return cls(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def rows(self, chosen: np.ndarray) -> Race:
        """Some of the queries."""
        kept = torch.from_numpy(chosen)
        return Race(self.true[kept], self.z[kept], self.place[kept], self.loud[kept])

    def on(self, scale: str, dial: float) -> Gain:
        """Weights → NDCG@10 of each query (Q,) on a scale."""
        within = self._undecided()
        true, loud = self.true[within], self.loud[within][..., DIALS[scale].index(dial)] if scale == "softmax" else None
        values = shaped(self.z[within], self.place[within], loud, scale, dial)
        ideal = (1 / torch.log2(torch.arange(10) + 2.0)).cumsum(0)[true.sum(1).clamp(1, 10) - 1]

        def gain(weights: np.ndarray) -> Tensor:
            each = torch.as_tensor(weights, dtype=values.dtype)
            each = (each[within] if each.dim() > 1 else each).unsqueeze(-1)
            found = values.new_zeros(len(self.true))
            found[within] = _dcg((values @ each).squeeze(-1), true) / ideal
            return found

        return gain

    def _undecided(self) -> Tensor:
        """(R,) the queries of which a right item is within reach; the others gain nothing, whatever the weights."""
        near = (self.place[:, : self.true.shape[1]] <= FAR).any(2) & self.true
        return near.any(1).nonzero().squeeze(1)


def _heat(
    inner: Mapping[str, Responder], count: int, depth: int, queries: Queries, goals: Tensor
) -> tuple[Tensor, ...]:
    """True columns, standardised scores, places and loudness of a chunk."""
    z = torch.stack([standard(_full(one, queries, count)) for one in inner.values()])
    first = z.topk(min(depth, count)).indices
    runners = torch.cat([goals.clamp(min=0), first.transpose(0, 1).flatten(1)], dim=1)
    again = _repeated(runners)
    again[:, : goals.shape[1]] |= goals < 0
    chosen = runners.expand(len(z), -1, -1)
    here = z.gather(2, chosen).masked_fill(again, -torch.inf)
    place = torch.stack([places(one) for one in z]).gather(2, chosen)
    loud = torch.stack([torch.stack([loudness(one, dial) for one in z]) for dial in DIALS["softmax"]], dim=-1)
    true = ~again[:, : goals.shape[1]]
    return true, here.permute(1, 2, 0).contiguous(), place.permute(1, 2, 0), loud.permute(1, 2, 0, 3)


def _dcg(total: Tensor, true: Tensor) -> Tensor:
    """(Q,) DCG@10 of the weighted sum (Q, T + C), the first of them `true` (Q, T); a tie counts against a true item."""
    total = total.masked_fill(total.isnan(), -torch.inf)  # a weight of 0 times -inf
    width, gain = true.shape[1], total.new_zeros(len(total))
    for column in range(width):
        own = total[:, column : column + 1]
        rivals = (total[:, width:] >= own).sum(1)
        better = ((total[:, :width] > own) & true).sum(1)
        rank = 1 + rivals + better
        gain += (true[:, column] & own.isfinite().squeeze(1) & (rank <= 10)) / torch.log2(rank + 1.0)
    return gain


def clearly_best(gains: Tensor) -> int:
    """The row of (N, Q) gains with the highest mean, if it leads the first row by a standard error; else the first."""
    lead = gains - gains[0]
    sure = lead.mean(1) > lead.std(1, correction=0) / max(gains.shape[1], 1) ** 0.5
    return int(gains.mean(1).masked_fill(~sure, -torch.inf).argmax()) if bool(sure.any()) else 0


def _repeated(runners: Tensor) -> Tensor:
    """(Q, N) bool: the item stands further left already."""
    ordered, order = runners.sort(dim=1, stable=True)
    same = torch.zeros_like(ordered, dtype=torch.bool)
    same[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    return torch.zeros_like(same).scatter_(1, order, same)


def _full(responder: Responder, queries: Queries, count: int) -> Tensor:
    """(Q, V) scores of the whole catalogue."""
    answer = responder(queries, None)
    assert isinstance(answer, ItemLists)
    if answer.scores.shape[1] != count:
        raise InputError("weights of rankers are chosen on full rankings; leave candidates out of the queries")
    return torch.from_numpy(answer.scores)
