"""Hit rate@k: whether any true item stands in the first k places."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.contracts import ItemLists, Metric, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.places import per_query, places


class HitRate(Metric):
    """1 where a true item stands in the first k places, else 0."""

    class Config(Settings):
        """Settings of the hit rate."""

        k: int = Field(10, ge=1, description="places that count")

    config: Config

    def measure(self, answers: ItemLists, truth: Truth) -> np.ndarray:
        """(Q, 1)."""
        row, ranks = places(answers, truth)
        hits = per_query(row, ranks <= self.config.k, len(truth))
        return (hits > 0).astype(np.float64)[:, None]
