"""Novelty@k (Zhou et al., 2010): how surprising the recommended items are, in bits."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.contracts import Dataset, ItemLists, Metric, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.places import mean_over, top


class Novelty(Metric):
    """Mean self-information -log2 p of the first k items, p the smoothed share of an item in the training events.

    Bits, 0 … log2(events + items); a list of rarer items has more. Empty lists count 0.
    """

    class Config(Settings):
        """Settings of novelty."""

        k: int = Field(10, ge=1, description="places that count")

    higher = None

    config: Config

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        counts = dataset.item_counts + 1.0
        self.information = -np.log2(counts / counts.sum())

    def measure(self, answers: ItemLists, truth: Truth) -> np.ndarray:
        """(Q, 1)."""
        return np.nan_to_num(mean_over(top(answers, self.config.k), self.information))[:, None]
