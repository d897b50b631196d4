"""Keeps one of several events of the same user and item."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.data.events import Events
from p5rec.data.stages import Filter


class Duplicates(Filter):
    """One of several events of the same user and item: the last or the first; or only of the same moment."""

    reason = "same user and item again"

    class Config(Settings):
        """Which one stays."""

        stays: Literal["last", "first"] = Field("last", description="which of several events is kept")
        same_time: bool = Field(
            False, description="only events of the same time are duplicates, not what people repeat"
        )
        each_kind: bool = Field(True, description="events of different kinds are no duplicates")

    config: Config

    def keep(self, events: Events) -> np.ndarray:
        """(N,) bool."""
        pair = events.user.astype(np.uint64) * np.uint64(events.items) + events.item.astype(np.uint64)
        if self.config.each_kind:
            pair = pair * np.uint64(int(events.kind.max(initial=0)) + 1) + events.kind
        if self.config.same_time:
            both = np.stack([pair, events.time.astype(np.uint64)])
            pair = np.unique(both, axis=1, return_inverse=True)[1].astype(np.uint64)
        step = -1 if self.config.stays == "last" else 1
        _, place = np.unique(pair[::step], return_index=True)
        keep = np.zeros(len(events), dtype=bool)
        keep[place] = True
        return keep[::step] | (events.time < 0) if self.config.same_time else keep[::step]
