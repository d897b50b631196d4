"""Intra-list diversity@k (Ziegler et al., 2005): how different the items of one list are from each other."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from p5rec.contracts import Dataset, ItemLists, Metric, Truth
from p5rec.core.config import Config as Settings
from p5rec.data.answers import NOTHING
from p5rec.evaluation.likeness import item_vectors
from p5rec.evaluation.places import top


class Diversity(Metric):
    """Mean of 1 - cosine over all pairs of the first k items; about 0 … 1, lists of fewer than two items count 0.

    By ``features`` an item is the set of its categories and list levels; by ``users`` the set of its training users.
    Sets of more than 256 members are compared through a seeded random projection, whose error vanishes in the mean.
    """

    class Config(Settings):
        """Settings of diversity."""

        k: int = Field(10, ge=2, description="places that count")
        by: Literal["auto", "features", "users"] = Field(
            "auto",
            description="items are alike by their categories, or by their training users; auto takes what there is",
        )

    higher = None

    config: Config

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.vectors = item_vectors(dataset, config.by)

    def measure(self, answers: ItemLists, truth: Truth) -> np.ndarray:
        """(Q, 1)."""
        items = top(answers, self.config.k)
        answered = (items != NOTHING)[:, :, None]
        vectors = np.where(answered, self.vectors[np.where(items == NOTHING, 0, items)], 0.0)
        count = answered.sum((1, 2))
        alike = (vectors.sum(1) ** 2).sum(1) - (vectors**2).sum((1, 2))
        pairs = count * (count - 1)
        return np.where(pairs > 0, 1.0 - alike / np.maximum(pairs, 1), 0.0)[:, None]
