"""Leaves out events that say what cannot be."""

from __future__ import annotations

import time

import numpy as np
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.data.events import Events
from p5rec.data.stages import Filter
from p5rec.data.times import moment


class BadRows(Filter):
    """Labels that are missing or infinite; times that are missing, before 1970 or in the future."""

    reason = "label missing or infinite, or time missing, before 1970 or in the future"

    class Config(Settings):
        """What is the future."""

        newest: str | None = Field(None, description="date after which events are in the future; now if left out")

    config: Config

    def keep(self, events: Events) -> np.ndarray:
        """(N,) bool."""
        keep = np.isfinite(events.label)
        if (events.time == -1).all():
            return keep
        newest = (
            time.time() if self.config.newest is None else moment(self.config.newest, "data.filters.bad_rows.newest")
        )
        return keep & (events.time >= 0) & (events.time <= newest)
