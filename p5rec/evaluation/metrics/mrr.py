"""Mean reciprocal rank: 1 / the place of the best true item."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.contracts import ItemLists, Metric, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.places import places
from p5rec.evaluation.ranking import NEVER


class Mrr(Metric):
    """1 / place of the best true item, 0 where it is not offered or behind k; in 0 … 1."""

    class Config(Settings):
        """Settings of MRR."""

        k: int | None = Field(None, ge=1, description="places that count; none looks at the whole ranking")

    config: Config

    def measure(self, answers: ItemLists, truth: Truth) -> np.ndarray:
        """(Q, 1)."""
        row, ranks = places(answers, truth)
        best = np.full(len(truth), NEVER, dtype=np.int64)
        np.minimum.at(best, row, ranks)
        return np.where(best <= (self.config.k or NEVER - 1), 1.0 / best, 0.0)[:, None]
