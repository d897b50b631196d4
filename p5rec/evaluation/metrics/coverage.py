"""Catalogue coverage@k: how much of the catalogue is ever recommended."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.contracts import Dataset, ItemLists, Metric, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.places import top


class Coverage(Metric):
    """Distinct items in the first k places of all lists / items of the catalogue; in 0 … 1."""

    bounds = (0.0, 1.0)

    class Config(Settings):
        """Settings of coverage."""

        k: int = Field(10, ge=1, description="places that count")

    config: Config

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.items = dataset.n_items

    def measure(self, answers: ItemLists, truth: Truth) -> np.ndarray:
        """(Q, k) the items themselves."""
        return top(answers, self.config.k)

    def reduce(self, stats: np.ndarray) -> float:
        """Distinct items / catalogue."""
        seen = np.zeros(self.items + 1, dtype=bool)
        seen[stats] = True  # NOTHING is -1, the last cell
        return float(seen[:-1].sum() / max(self.items, 1))
