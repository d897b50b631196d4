"""Recall@k: the share of the true items that stand in the first k places."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.contracts import ItemLists, Metric, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.places import per_query, places


class Recall(Metric):
    """True items in the first k places / true items; in 0 … 1. With one true item it is the hit rate."""

    class Config(Settings):
        """Settings of recall."""

        k: int = Field(10, ge=1, description="places that count")
        capped: bool = Field(False, description="divide by min(k, true items) in place of all true items")

    config: Config

    def measure(self, answers: ItemLists, truth: Truth) -> np.ndarray:
        """(Q, 1)."""
        row, ranks = places(answers, truth)
        hits = per_query(row, ranks <= self.config.k, len(truth))
        wanted = np.maximum(truth.items.lengths, 1)
        return (hits / (np.minimum(wanted, self.config.k) if self.config.capped else wanted))[:, None]
