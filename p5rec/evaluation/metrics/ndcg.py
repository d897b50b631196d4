"""NDCG@k (Järvelin and Kekäläinen, 2002): hits discounted by place, against the best order."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from p5rec.contracts import ItemLists, Metric, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.places import order, per_query, places


class Ndcg(Metric):
    """Sum of gain / log2(place + 1) over true items in the first k places / the same of the best order; in 0 … 1."""

    class Config(Settings):
        """Settings of NDCG."""

        k: int = Field(10, ge=1, description="places that count")
        gain: Literal["binary", "label"] = Field("binary", description="each true item gains 1, or its label (rating)")

    config: Config

    def measure(self, answers: ItemLists, truth: Truth) -> np.ndarray:
        """(Q, 1)."""
        row, ranks = places(answers, truth)
        binary = self.config.gain == "binary"
        gains = np.ones(len(row)) if binary else np.maximum(truth.labels.flat()[1].astype(np.float64), 0.0)
        found = per_query(row, gains * self._discount(ranks), len(truth))
        best = per_query(row, gains * self._discount(order(row, -gains) + 1), len(truth))
        return np.divide(found, best, out=np.zeros(len(truth)), where=best > 0)[:, None]

    def _discount(self, places: np.ndarray) -> np.ndarray:
        return np.where(places <= self.config.k, 1.0 / np.log2(places + 1.0), 0.0)
