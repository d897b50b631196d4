"""Keeps events with a label that is high enough, e.g. ratings of 4 and 5 as likes."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.data.events import Events
from p5rec.data.stages import Filter


class MinLabel(Filter):
    """An event without a label is not kept."""

    reason = "label too low"

    class Config(Settings):
        """The limit."""

        lowest: float = Field(4.0, description="lowest label that is kept")

    config: Config

    def keep(self, events: Events) -> np.ndarray:
        """(N,) bool."""
        return events.label >= self.config.lowest
