"""Keeps events of a span of time."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.events import Events
from p5rec.data.stages import Filter
from p5rec.data.times import moment


class TimeWindow(Filter):
    """From a date on, before a date, or the last days of the data."""

    reason = "outside the time window"

    class Config(Settings):
        """The span."""

        since: str | None = Field(None, description="first date that is kept, e.g. 2014-01-01")
        before: str | None = Field(None, description="first date that is not kept")
        last_days: int | None = Field(None, ge=1, description="only so many days before the newest event")

    config: Config

    def keep(self, events: Events) -> np.ndarray:
        """(N,) bool.

        Raises:
            InputError: the data has no times, or a date cannot be read.
        """
        if len(events) and (events.time == -1).all():
            raise InputError("data.filters.time_window: the events have no times; leave this filter out")
        keep = events.time != -1
        if self.config.since is not None:
            keep &= events.time >= moment(self.config.since, "data.filters.time_window.since")
        if self.config.before is not None:
            keep &= events.time < moment(self.config.before, "data.filters.time_window.before")
        if self.config.last_days is not None:
            keep &= events.time > int(events.time.max(initial=0)) - self.config.last_days * 86_400
        return keep
