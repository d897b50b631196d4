"""Items held out of training as a whole: how well are new items recommended from their content?"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.core import seed as seeds
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.events import Events, Part
from p5rec.data.stages import Split


class ColdItems(Split):
    """A seeded share of the items; every event of such an item validates or tests."""

    class Config(Settings):
        """The shares."""

        valid: float = Field(0.05, ge=0, lt=1, description="share of the items that validate")
        test: float = Field(0.05, gt=0, lt=1, description="share of the items that test")

    in_time = False

    config: Config

    def parts(self, events: Events, seed: int) -> np.ndarray:
        """(N,) parts.

        Raises:
            InputError: there are too few items, or the shares leave nothing to train on.
        """
        valid, test = self.config.valid, self.config.test
        items = np.flatnonzero(np.bincount(events.item, minlength=events.items))
        tested, validated = max(round(len(items) * test), 1), round(len(items) * valid)
        if tested + validated >= len(items):
            raise InputError(
                f"cold_items: valid ({valid:g}) and test ({test:g}) leave none of {len(items)} items to train on"
            )
        order = seeds.rng(seed, "split", "cold_items").permutation(items)
        part = np.full(events.items, Part.TRAIN, dtype=np.uint8)
        part[order[:tested]] = Part.TEST
        part[order[tested : tested + validated]] = Part.VALID
        return part[events.item]
