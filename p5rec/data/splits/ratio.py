"""The last share of each user's events is held out."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.events import Events, Part
from p5rec.data.stages import Split


class Ratio(Split):
    """By time within each user; at least one event each is validated and tested, users with few only train."""

    class Config(Settings):
        """The shares."""

        valid: float = Field(0.1, gt=0, lt=1, description="share of a user's events that validate")
        test: float = Field(0.1, gt=0, lt=1, description="share of a user's events that test")
        least: int = Field(3, ge=3, description="events a user needs to be tested; others only train")

    config: Config

    def parts(self, events: Events, seed: int) -> np.ndarray:
        """(N,) parts.

        Raises:
            InputError: the shares leave nothing to train on, or no user has enough events.
        """
        valid, test = self.config.valid, self.config.test
        if valid + test >= 1:
            raise InputError(f"data.split: valid ({valid:g}) and test ({test:g}) leave nothing to train on")
        offsets = events.offsets
        count = np.diff(offsets)
        if not (count >= self.config.least).any():
            raise InputError(
                f"ratio: no user has {self.config.least} events (the most is {int(count.max(initial=0))}); "
                "use another split, or filters that keep more"
            )
        tested = np.where(count >= self.config.least, np.maximum((count * test).astype(np.int64), 1), 0)
        validated = np.where(count >= self.config.least, np.maximum((count * valid).astype(np.int64), 1), 0)
        behind = offsets[1:][events.user] - 1 - np.arange(len(events))
        first_valid = (tested + validated)[events.user]
        parts = np.where(behind < first_valid, Part.VALID, Part.TRAIN)
        return np.where(behind < tested[events.user], Part.TEST, parts).astype(np.uint8)
