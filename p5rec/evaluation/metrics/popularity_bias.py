"""Popularity bias@k: how much more popular recommendations are than what people take by themselves."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.contracts import Dataset, ItemLists, Metric, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.places import mean_over, top


class PopularityBias(Metric):
    """Mean training count of the first k items / mean training count of the item of a training event.

    1 recommends items as popular as those people take, 2 twice as popular (after the popularity lift of
    Abdollahpouri et al., 2019). Empty lists count 0.
    """

    class Config(Settings):
        """Settings of popularity bias."""

        k: int = Field(10, ge=1, description="places that count")

    higher = None

    config: Config

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        counts = dataset.item_counts.astype(np.float64)
        usual = (counts**2).sum() / max(counts.sum(), 1.0)
        self.lift = counts / (usual or 1.0)

    def measure(self, answers: ItemLists, truth: Truth) -> np.ndarray:
        """(Q, 1)."""
        return np.nan_to_num(mean_over(top(answers, self.config.k), self.lift))[:, None]
