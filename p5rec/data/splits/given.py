"""A column of the data says which part an event is in."""

from __future__ import annotations

import numpy as np

from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.events import Events, Part
from p5rec.data.stages import Split


class Given(Split):
    """The column with the role split; its values are train, valid and test."""

    class Config(Settings):
        """Nothing to choose."""

    in_time = False

    config: Config

    def parts(self, events: Events, seed: int) -> np.ndarray:
        """(N,) parts.

        Raises:
            InputError: the data has no such column, or nothing trains or tests.
        """
        if events.given is None:
            raise InputError(
                "data.split: given needs an event column with the role split; say data.source.split=COLUMN"
            )
        missing = [name for number, name in ((0, "train"), (2, "test")) if not (events.given == number).any()]
        if missing:
            raise InputError(f"data.split: the split column has no {' and no '.join(missing)} rows")
        return np.array([Part.TRAIN, Part.VALID, Part.TEST], dtype=np.uint8)[events.given]
