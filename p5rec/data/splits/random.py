"""Events are drawn at random, as is usual for ratings. Not for next-item prediction: the future would be known."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.core import seed as seeds
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.events import Events, Part
from p5rec.data.stages import Split


class Random(Split):
    """Draws (user, item) pairs, so that a pair that occurs again is held out as a whole."""

    class Config(Settings):
        """The shares."""

        valid: float = Field(0.1, ge=0, lt=1, description="share of the pairs that validate")
        test: float = Field(0.1, gt=0, lt=1, description="share of the pairs that test")

    in_time = False

    config: Config

    def parts(self, events: Events, seed: int) -> np.ndarray:
        """(N,) parts.

        Raises:
            InputError: the shares leave nothing to train on.
        """
        valid, test = self.config.valid, self.config.test
        if valid + test >= 1:
            raise InputError(f"data.split: valid ({valid:g}) and test ({test:g}) leave nothing to train on")
        pairs, pair = np.unique(
            events.user.astype(np.int64) * events.items + events.item.astype(np.int64), return_inverse=True
        )
        order = seeds.rng(seed, "split", "random").permutation(len(pairs))
        part = np.full(len(pairs), Part.TRAIN, dtype=np.uint8)
        tested, validated = round(len(pairs) * test), round(len(pairs) * valid)
        part[order[:tested]] = Part.TEST
        part[order[tested : tested + validated]] = Part.VALID
        return part[pair]
