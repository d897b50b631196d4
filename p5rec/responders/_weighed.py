"""What sums with weights share: a scale, its dial and a weight for each ranker, chosen on held-out queries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec.blocks.scales import DIALS, scaled
from p5rec.contracts import Dataset, Fitted, Queries, Responder, Truth
from p5rec.core import seed as seeds
from p5rec.core.climb import climb
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.responders._race import Gain, Race, clearly_best
from p5rec.responders._summed import Summed


class Weighed(Summed, Fitted):
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
        """Settings of a weighted sum."""

        scale: Literal["auto", "zscore", "softmax", "rank"] = Field("auto", description="auto chooses on validation")
        queries: int = Field(20_000, ge=1, description="validation queries that choose the weights, a seeded sample")
        depth: int = Field(100, ge=10, description="best items of each ranker that compete while weights are chosen")

    def __init__(self, config: Config, inner: Mapping[str, Responder], dataset: Dataset) -> None:
        super().__init__(config, inner, dataset)
        self.seed, self.names = dataset.seed, list(inner)
        self.weights = np.full(len(inner), 1 / len(inner))
        self.scale: str = "zscore" if config.scale == "auto" else config.scale
        self.dial = DIALS[self.scale][0]

    def value(self, scores: Tensor) -> Tensor:
        """Scores on the chosen scale."""
        return scaled(scores, self.scale, self.dial)

    def shares(self, queries: Queries) -> np.ndarray:
        """The chosen weights."""
        return self.weights

    def fit(self, queries: Queries, truth: Truth) -> None:
        """Choose weights, scale and dial by NDCG@10.

        Raises:
            InputError: there is nothing to choose by.
        """
        if not len(queries):
            name = type(self).__name__.lower()
            raise InputError(f"{name}: there are no validation queries to choose its weights by; choose another split")
        if len(queries) > self.config.queries:
            draw = seeds.rng(self.seed, "blend").choice(len(queries), self.config.queries, replace=False)
            queries, truth = queries.rows(np.sort(draw)), truth.rows(np.sort(draw))
        scales = DIALS if self.config.scale == "auto" else {self.config.scale: DIALS[self.config.scale]}
        contest = [(scale, dial) for scale, dials in scales.items() for dial in dials]
        race = Race.of(self.inner, self.count, self.config.depth, queries, truth)
        weights, gains = [], []
        for scale, dial in contest:
            gain = race.on(scale, dial)
            weights.append(climb(partial(mean, gain), len(self.names))[1])
            gains.append(gain(weights[-1]))
        winner = clearly_best(torch.stack(gains))
        self.weights, (self.scale, self.dial) = weights[winner], contest[winner]
        self.refine(race, queries)

    def refine(self, race: Race, queries: Queries) -> None:
        """Choose what else there is, once weights, scale and dial are; nothing unless overridden."""

    def learned(self) -> dict[str, Any]:
        """Weights by name, scale and dial."""
        return {"weights": self.named(self.weights), "scale": self.scale, "dial": self.dial}

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Take what `learned` gave; a ranker that is missing now leaves its weight to the others."""
        self.weights = self.unnamed(learned["weights"])
        self.scale, self.dial = learned["scale"], learned["dial"]

    def named(self, weights: np.ndarray) -> dict[str, float]:
        """(M,) weights by name."""
        return {name: float(weight) for name, weight in zip(self.names, weights, strict=True)}

    def unnamed(self, named: Mapping[str, float]) -> np.ndarray:
        """(M,) weights, summing to 1; equal ones where none of the named rankers is here."""
        weights = np.array([named.get(name, 0.0) for name in self.names])
        return weights / weights.sum() if weights.sum() > 0 else np.full(len(weights), 1 / len(weights))


def mean(gain: Gain, weights: np.ndarray) -> float:
    """Mean NDCG@10 of weights."""
    return float(gain(weights).mean())
