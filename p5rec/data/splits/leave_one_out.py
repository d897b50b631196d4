"""Leave one out: a user's last event is the test, the last but one validates, the rest trains."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.events import Events, Part
from p5rec.data.stages import Split


class LeaveOneOut(Split):
    """Counts events of the target kind; others between them stay where time puts them.

    Users with fewer than `least` target events only train.
    """

    class Config(Settings):
        """Who is tested."""

        least: int = Field(3, ge=3, description="target events a user needs to be tested; others only train")

    config: Config

    def parts(self, events: Events, seed: int) -> np.ndarray:
        """(N,) parts.

        Raises:
            InputError: no user has enough events.
        """
        wanted = events.kind == events.target
        behind = _targets_behind(events, wanted)
        count = np.bincount(events.user[wanted], minlength=events.users)
        tested = (count >= self.config.least)[events.user]
        if not tested.any():
            raise InputError(
                f"leave_one_out: no user has {self.config.least} events to be predicted (the most is "
                f"{int(count.max(initial=0))}); use another split, or filters that keep more"
            )
        parts = np.full(len(events), Part.TRAIN, dtype=np.uint8)
        parts[tested & (behind == 1)] = Part.VALID
        parts[tested & (behind == 0)] = Part.UNUSED  # other kinds after the last target event
        valid_target = tested & (behind == 1) & wanted
        test_target = tested & (behind == 0) & wanted
        parts[valid_target], parts[test_target] = Part.VALID, Part.TEST
        return parts


def _targets_behind(events: Events, wanted: np.ndarray) -> np.ndarray:
    """(N,) how many target events of the same user stand strictly behind each event."""
    total = np.cumsum(wanted)
    ends = events.offsets[1:]
    last = np.concatenate([[0], total])[ends]
    return last[events.user] - total
