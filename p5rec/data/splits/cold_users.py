"""Users held out of training as a whole: how well are new users served from a short history?"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.core import seed as seeds
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.events import Events, Part
from p5rec.data.stages import Split


class ColdUsers(Split):
    """A seeded share of the users; their last target events are asked for, those before are given, not trained on."""

    class Config(Settings):
        """The shares."""

        valid: float = Field(0.1, ge=0, lt=1, description="share of the users that validate")
        test: float = Field(0.1, gt=0, lt=1, description="share of the users that test")
        asked: int = Field(1, ge=1, description="target events asked for, the last ones")

    config: Config

    def parts(self, events: Events, seed: int) -> np.ndarray:
        """(N,) parts.

        Raises:
            InputError: too few users have enough events, or the shares leave nothing to train on.
        """
        wanted = events.kind == events.target
        count = np.bincount(events.user[wanted], minlength=events.users)
        able = np.flatnonzero(count > self.config.asked)
        tested, validated = max(round(len(able) * self.config.test), 1), round(len(able) * self.config.valid)
        if tested + validated >= len(able):
            raise InputError(
                f"cold_users: {len(able)} users have more than {self.config.asked} target events, too few to hold out "
                f"{tested + validated} and still train"
            )
        order = seeds.rng(seed, "split", "cold_users").permutation(able)
        held = np.full(events.users, Part.TRAIN, dtype=np.uint8)
        held[order[:tested]] = Part.TEST
        held[order[tested : tested + validated]] = Part.VALID
        return self._cut(events, wanted, held[events.user])

    def _cut(self, events: Events, wanted: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Of held-out users the last target events keep their part, earlier events are given, later ones unused."""
        total = np.cumsum(wanted)
        last = np.concatenate([[0], total])[events.offsets[1:]]
        behind = last[events.user] - total  # target events strictly behind
        asked = behind + wanted <= self.config.asked
        parts = np.where(asked, held, Part.GIVEN)
        parts = np.where((behind == 0) & ~wanted, Part.UNUSED, parts)
        return np.where(held == Part.TRAIN, Part.TRAIN, parts).astype(np.uint8)
