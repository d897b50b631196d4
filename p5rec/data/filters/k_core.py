"""k-core: users and items with few events go, again and again until none is left with few."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.data.events import Events
from p5rec.data.stages import Filter


class KCore(Filter):
    """Iterative, so that what stays has enough events among what stays."""

    reason = "user or item has too few events"

    class Config(Settings):
        """How many are enough."""

        k_user: int = Field(5, ge=1, description="events a user needs")
        k_item: int = Field(5, ge=1, description="events an item needs")

    config: Config

    def keep(self, events: Events) -> np.ndarray:
        """(N,) bool."""
        keep = np.ones(len(events), dtype=bool)
        while True:
            users = np.bincount(events.user[keep], minlength=events.users)
            items = np.bincount(events.item[keep], minlength=events.items)
            enough = (users >= self.config.k_user)[events.user] & (items >= self.config.k_item)[events.item] & keep
            if (enough == keep).all():
                return keep
            keep = enough
