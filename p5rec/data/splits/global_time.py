"""One moment for all: what happened after it is held out, as in life."""

from __future__ import annotations

import numpy as np
from pydantic import Field, field_validator

from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.events import Events, Part
from p5rec.data.stages import Split
from p5rec.data.times import moment

Window = float | str


class GlobalTime(Split):
    """A window for the test at the end, one for validation before it, training before both.

    With rolling folds the windows of fold f of F end F - 1 - f test windows before the end; what comes later is
    unused. Events of one second always fall on the same side.
    """

    class Config(Settings):
        """The windows."""

        valid: Window = Field(
            0.1, description="below 1 a share of the events, from 1 on days, or the date of its start"
        )
        test: Window = Field(0.1, description="below 1 a share of the events, from 1 on days, or the date of its start")
        folds: int = Field(1, ge=1, description="how many rolling folds there are")
        fold: int = Field(0, ge=0, description="which of them this is, 0 is the earliest")

        @field_validator("valid", "test")
        @classmethod
        def _positive(cls, window: Window) -> Window:
            if not isinstance(window, str) and window <= 0:
                raise ValueError("must be a share, days or a date")
            return window

    config: Config

    def parts(self, events: Events, seed: int) -> np.ndarray:
        """(N,) parts.

        Raises:
            InputError: there are no times, a date cannot be read, or a window is empty.
        """
        if (events.time == -1).any():
            raise InputError("global_time: the events have no times; use leave_one_out, ratio, random or given")
        valid, test, end = self._cuts(events.time)
        parts = np.full(len(events), Part.TRAIN, dtype=np.uint8)
        for start, part in ((valid, Part.VALID), (test, Part.TEST), (end, Part.UNUSED)):
            parts[events.time >= start] = part
        empty = [p.name.lower() for p in (Part.TRAIN, Part.VALID, Part.TEST) if not (parts == p).any()]
        if empty:
            raise InputError(f"global_time: the {' and the '.join(empty)} window has no events; choose other windows")
        return parts

    def _cuts(self, time: np.ndarray) -> tuple[int, int, int]:
        """Where validation, test and the unused rest begin."""
        config = self.config
        if config.fold >= config.folds:
            raise InputError(f"data.split.fold: found {config.fold}, expected less than folds ({config.folds})")
        end = int(time.max()) + 1
        for _ in range(config.folds - 1 - config.fold):
            end = self._start(time, config.test, end, "test")
        test = self._start(time, config.test, end, "test")
        return self._start(time, config.valid, test, "valid"), test, end

    def _start(self, time: np.ndarray, window: Window, end: int, name: str) -> int:
        """Where a window that ends at `end` begins."""
        if isinstance(window, str):
            if self.config.folds > 1:
                raise InputError(f"data.split.{name}: rolling folds need windows in days or shares, found a date")
            return moment(window, f"data.split.{name}")
        if window >= 1:
            return end - int(window * 86_400)
        earlier = np.sort(time[time < end])
        place = len(earlier) - max(round(window * len(time)), 1)
        return int(earlier[max(place, 0)]) if len(earlier) else end
