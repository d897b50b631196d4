"""Leaves out what the user has seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydantic import Field

from p5rec.contracts import Answers, Dataset, ItemLists, Queries, Responder
from p5rec.core.config import Config as Settings
from p5rec.data.facts import REPEATS


class Unseen(Responder):
    """Excludes every item of the whole history, also of the part that a model is too short to read.

    Attributes:
        excludes: whether it does; with ``auto`` where fewer than `REPEATS` of the training events are repeats.
    """

    class Config(Settings):
        """Settings of leaving out seen items."""

        seen: Literal["auto", "exclude", "include"] = Field(
            "auto", description=f"auto leaves seen items out where fewer than {REPEATS:.0%} of events are repeats"
        )

    parts = (1, 1)

    def __init__(self, config: Config, inner: Mapping[str, Responder], dataset: Dataset) -> None:
        (self.inner,) = inner.values()
        self.reads = bool(getattr(self.inner, "reads", False))  # it may stand alone, to be asked what it excludes
        rare = float(dataset.facts.get("repeat_rate", 0.0)) < REPEATS
        self.excludes = rare if config.seen == "auto" else config.seen == "exclude"

    def __call__(self, queries: Queries, k: int | None) -> Answers:
        """The inner answers without items of the history."""
        return self.inner(queries.excluding(queries.history) if self.excludes else queries, k)

    def similar(self, items: np.ndarray, k: int) -> ItemLists:
        """As the inner responder says."""
        return self.inner.similar(items, k)
