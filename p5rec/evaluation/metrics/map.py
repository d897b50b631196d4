"""Mean average precision@k: the precision at the place of each true item."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.contracts import ItemLists, Metric, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.places import order, per_query, places


class Map(Metric):
    """Sum of precision at each true item in the first k places / true items (as trec_eval's map_cut); in 0 … 1."""

    class Config(Settings):
        """Settings of MAP."""

        k: int = Field(10, ge=1, description="places that count")
        capped: bool = Field(False, description="divide by min(k, true items) in place of all true items")

    config: Config

    def measure(self, answers: ItemLists, truth: Truth) -> np.ndarray:
        """(Q, 1)."""
        row, ranks = places(answers, truth)
        precision = np.where(ranks <= self.config.k, (order(row, ranks) + 1) / ranks, 0.0)
        wanted = np.maximum(truth.items.lengths, 1)
        divisor = np.minimum(wanted, self.config.k) if self.config.capped else wanted
        return (per_query(row, precision, len(truth)) / divisor)[:, None]
