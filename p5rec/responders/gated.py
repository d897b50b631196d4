"""A weighted sum of several rankings whose weights depend on the history, where validation shows that they should."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch

from p5rec.contracts import Dataset, Queries, Responder
from p5rec.core import seed as seeds
from p5rec.core.climb import ascend
from p5rec.responders._history import Fact, facts
from p5rec.responders._race import Gain, Race, clearly_best
from p5rec.responders._weighed import Weighed, mean

SCALARS = 20  # that validation may choose in a run
SHRINKS = (0.5, 1.0)  # shares of the way from the weights of all to those of an end that are tried
LIFT = 0.1  # a ranker without weight gets so much of an equal share before the search, so that it can rise


class Gated(Weighed):
    """A blend with weights at the two ends of one fact of the history; between them they change in proportion.

    The fact is how long the history is, how popular its items are, or how old (`_history.facts`). First all is chosen
    as for `blend`. Then the ends are searched for on one half of the held-out queries and judged on the other, and the
    reverse; a fact whose ends do not lead the weights of all by a standard error is not used, so that without such a
    fact this is `blend`. A linear form of feature-weighted stacking (Sill et al. 2009).

    Attributes:
        by: the fact, "" where the weights of all serve all.
        ends: (2, M) weights at the low and at the high end of the fact.
    """

    class Config(Weighed.Config):
        """Settings of a blend whose weights depend on the history."""

    def __init__(self, config: Config, inner: Mapping[str, Responder], dataset: Dataset) -> None:
        super().__init__(config, inner, dataset)
        self.dataset, self.by, self.ends = dataset, "", np.stack([self.weights, self.weights])

    @cached_property
    def facts(self) -> dict[str, Fact]:
        """What histories can be told apart by."""
        return facts(self.dataset)

    def shares(self, queries: Queries) -> np.ndarray:
        """(M,) weights, or (Q, M) by the history of each query."""
        return between(self.ends, self.facts[self.by](queries.history)) if self.by in self.facts else self.weights

    def refine(self, race: Race, queries: Queries) -> None:
        """Choose the fact and the weights at its ends."""
        self.by = ""
        if len(self.names) < 2 or 2 * len(self.names) + 1 > SCALARS:
            return
        half = seeds.rng(self.seed, "gated").permutation(len(queries)) % 2
        plain = race.on(self.scale, self.dial)
        tries, gains = [("", 0.0)], [plain(self.weights)]
        places = {name: fact(queries.history) for name, fact in self.facts.items()}
        for name, place in places.items():
            other = np.stack([self._ends(race, place, half == 1), self._ends(race, place, half == 0)])[half]
            for share in SHRINKS:
                tries.append((name, share))
                gains.append(plain(between(self._shrunk(other, share), place)))
        self.by, share = tries[clearly_best(torch.stack(gains))]
        if self.by:
            self.ends = self._shrunk(self._ends(race, places[self.by], half >= 0), share)

    def _ends(self, race: Race, place: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """(2, M) the best weights at both ends on some of the queries, searched for from those of all."""
        if not chosen.any():
            return np.stack([self.weights, self.weights])
        gain, own = race.rows(chosen).on(self.scale, self.dial), place[chosen]
        start = (1 - LIFT) * self.weights + LIFT / len(self.weights)
        found = ascend(lambda weights: _value(gain, weights.reshape(2, -1), own), np.tile(start, 2))[1]
        return normal(found.reshape(2, -1))

    def _shrunk(self, ends: np.ndarray, share: float) -> np.ndarray:
        return share * ends + (1 - share) * self.weights

    def learned(self) -> dict[str, Any]:
        """Those of a blend; with a fact, its name and the weights at both ends instead of the weights of all."""
        if not self.by:
            return super().learned()
        low, high = (self.named(weights) for weights in self.ends)
        return {"by": self.by, "low": low, "high": high, "scale": self.scale, "dial": self.dial}

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Take what `learned` gave; data that lacks the fact is answered by the mean of both ends."""
        self.by = learned.get("by", "")
        parts = [learned["low"], learned["high"]] if self.by else [learned["weights"]] * 2
        self.ends = np.stack([self.unnamed(part) for part in parts])
        self.weights = self.ends.mean(0)
        self.scale, self.dial = learned["scale"], learned["dial"]


def between(ends: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(Q, M) weights at (Q,) places between two ends, (2, M) or (Q, 2, M)."""
    return ends[..., 0, :] + place[:, None] * (ends[..., 1, :] - ends[..., 0, :])


def normal(ends: np.ndarray) -> np.ndarray:
    """(2, M) weights, each end summing to 1."""
    return ends / ends.sum(1, keepdims=True)


def _value(gain: Gain, ends: np.ndarray, place: np.ndarray) -> float:
    """Mean NDCG@10 of weights at both ends; an end without any weight is none."""
    return mean(gain, between(normal(ends), place)) if ends.sum(1).all() else -1.0
