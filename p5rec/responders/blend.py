"""A weighted sum of several rankings, on a scale that makes them comparable; weights chosen on validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec.blocks.scales import DIALS, loudness, places, scaled, shaped, standard
from p5rec.contracts import Dataset, Fitted, ItemLists, Queries, Responder, Truth
from p5rec.core import seed as seeds
from p5rec.core.climb import climb
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.answers import NOTHING
from p5rec.responders._summed import CHUNK, Summed

TRUE = 10  # right items of a query that are looked at


class Blend(Summed, Fitted):
    """Sum over rankers of weight x scaled score, over full rankings.

    The scale (`p5rec.blocks.scales`), its dial and one weight a ranker are chosen by NDCG@10 of held-out queries: for
    each scale and dial a coordinate search from a few starts. Another scale than z-score must lead clearly.

    Attributes:
        names: of the rankers.
        weights: (M,) summing to 1.
        scale, dial: of all rankers.
    """

    config: Config

    class Config(Settings):
        """Settings of a blend."""

        scale: Literal["auto", "zscore", "softmax", "rank"] = Field("auto", description="auto chooses on validation")
        queries: int = Field(20_000, ge=1, description="validation queries that choose the weights, a seeded sample")
        depth: int = Field(100, ge=10, description="best items of each ranker that compete while weights are chosen")

    def __init__(self, config: Config, inner: Mapping[str, Responder], dataset: Dataset) -> None:
        super().__init__(config, inner, dataset)
        self.seed, self.names = dataset.seed, list(inner)
        self.weights = super().shares()
        self.scale: str = "zscore" if config.scale == "auto" else config.scale
        self.dial = DIALS[self.scale][0]

    def value(self, scores: Tensor) -> Tensor:
        """Scores on the chosen scale."""
        return scaled(scores, self.scale, self.dial)

    def shares(self) -> np.ndarray:
        """The chosen weights."""
        return self.weights

    def fit(self, queries: Queries, truth: Truth) -> None:
        """Choose weights, scale and dial by NDCG@10.

        Raises:
            InputError: there is nothing to choose by.
        """
        if not len(queries):
            raise InputError("blend: there are no validation queries to choose its weights by; choose another split")
        if len(queries) > self.config.queries:
            draw = seeds.rng(self.seed, "blend").choice(len(queries), self.config.queries, replace=False)
            queries, truth = queries.rows(np.sort(draw)), truth.rows(np.sort(draw))
        scales = DIALS if self.config.scale == "auto" else {self.config.scale: DIALS[self.config.scale]}
        contest = [(scale, dial) for scale, dials in scales.items() for dial in dials]
        race = _Race(self, queries, truth)
        weights, gains = [], []
        for scale, dial in contest:
            gain = race.on(scale, dial)
            weights.append(climb(partial(_mean, gain), len(self.names))[1])
            gains.append(gain(weights[-1]))
        winner = clearly_best(torch.stack(gains))
        self.weights, (self.scale, self.dial) = weights[winner], contest[winner]

    def learned(self) -> dict[str, Any]:
        """Weights by name, scale and dial."""
        weights = {name: float(weight) for name, weight in zip(self.names, self.weights, strict=True)}
        return {"weights": weights, "scale": self.scale, "dial": self.dial}

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Take what `learned` gave; a ranker that is missing now leaves its weight to the others."""
        weights = np.array([learned["weights"].get(name, 0.0) for name in self.names])
        self.weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(weights), 1 / len(weights))
        self.scale, self.dial = learned["scale"], learned["dial"]


class _Race:
    """The items that can reach the first ten places of held-out queries, and what scales them.

    The best `depth` of each ranker and the true items run; an item that is deep in every ranking cannot win.

    Attributes:
        true: (Q, T) bool whether a column is a true item; the first T columns of `z` and `place` are theirs.
        z: (Q, T + C, M) standardised scores; -inf for pads and items that stand in another column already.
        place: (Q, T + C, M) places in the full rankings.
        loud: {dial: (Q, 1, M)} log of the sum of ``exp(z / dial)`` over the full ranking.
    """

    def __init__(self, blend: Blend, queries: Queries, truth: Truth) -> None:
        goals = torch.from_numpy(truth.items.padded(NOTHING)[:, :TRUE].astype(np.int64))
        parts = [
            self._heat(blend, queries.rows(slice(start, start + CHUNK)), goals[start : start + CHUNK])
            for start in range(0, len(queries), CHUNK)
        ]
        self.true, self.z, self.place, loud = (torch.cat(part) for part in zip(*parts, strict=True))
        self.loud = {dial: loud[..., n] for n, dial in enumerate(DIALS["softmax"])}
        self.ideal = (1 / torch.log2(torch.arange(10) + 2.0)).cumsum(0)[self.true.sum(1).clamp(1, 10) - 1]

    def _heat(self, blend: Blend, queries: Queries, goals: Tensor) -> tuple[Tensor, ...]:
        """True columns, standardised scores, places and loudness of a chunk."""
        z = torch.stack([standard(_full(one, queries, blend.count)) for one in blend.inner.values()])
        first = z.topk(min(blend.config.depth, blend.count)).indices
        runners = torch.cat([goals.clamp(min=0), first.transpose(0, 1).flatten(1)], dim=1)
        again = _repeated(runners)
        again[:, : goals.shape[1]] |= goals < 0
        chosen = runners.expand(len(z), -1, -1)
        here = z.gather(2, chosen).masked_fill(again, -torch.inf)
        place = torch.stack([places(one) for one in z]).gather(2, chosen)
        loud = torch.stack([torch.stack([loudness(one, dial) for one in z]) for dial in DIALS["softmax"]], dim=-1)
        true = ~again[:, : goals.shape[1]]
        return true, here.permute(1, 2, 0).contiguous(), place.permute(1, 2, 0), loud.transpose(0, 1).transpose(1, 2)

    def on(self, scale: str, dial: float) -> Callable[[np.ndarray], Tensor]:
        """Weights → NDCG@10 of each query (Q,) on a scale."""
        values = shaped(self.z, self.place, self.loud.get(dial), scale, dial)
        return lambda weights: self._ndcg(values @ torch.as_tensor(weights, dtype=values.dtype))

    def _ndcg(self, total: Tensor) -> Tensor:
        """(Q,) NDCG@10 of the weighted sum (Q, T + C); a tie counts against the true item."""
        total = total.masked_fill(total.isnan(), -torch.inf)  # a weight of 0 times -inf
        width, gain = self.true.shape[1], total.new_zeros(len(total))
        for column in range(width):
            own = total[:, column : column + 1]
            rivals = (total[:, width:] >= own).sum(1)
            better = ((total[:, :width] > own) & self.true).sum(1)
            rank = 1 + rivals + better
            gain += (self.true[:, column] & own.isfinite().squeeze(1) & (rank <= 10)) / torch.log2(rank + 1.0)
        return gain / self.ideal


def clearly_best(gains: Tensor) -> int:
    """The row of (N, Q) gains with the highest mean, if it leads the first row by a standard error; else the first."""
    lead = gains - gains[0]
    sure = lead.mean(1) > lead.std(1, correction=0) / max(gains.shape[1], 1) ** 0.5
    return int(gains.mean(1).masked_fill(~sure, -torch.inf).argmax()) if bool(sure.any()) else 0


def _mean(gain: Callable[[np.ndarray], Tensor], weights: np.ndarray) -> float:
    return float(gain(weights).mean())


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
        raise InputError("blend: its weights are chosen on full rankings; leave candidates out of the queries")
    return torch.from_numpy(answer.scores)
