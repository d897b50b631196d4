"""The three plugs of preparing; they stand on the floor of facts, and `p5rec.contracts` shows them with the others."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from p5rec.core.config import Config
from p5rec.core.plugins import Plug
from p5rec.data.events import Events, Tables


class Source(Plug):
    """Reads files or frames. Built as ``Source(config)``, or ``Source(config, inner)`` where it joins others.

    Attributes:
        joins: it reads no files of its own but puts the sources it is given together.
        inner: those sources by name.
    """

    joins: ClassVar[bool] = False

    def __init__(self, config: Config, inner: Mapping[str, Source] | None = None) -> None:
        self.config, self.inner = config, dict(inner or {})

    @abstractmethod
    def read(self) -> Tables:
        """Lazy tables of events, users and items with a schema.

        Raises:
            InputError: all faults of the input together, each with file, row or column, value and expectation.
        """


class Filter(Plug):
    """Chooses rows to keep. Built as ``Filter(config)``; the reason and count of what it drops are kept."""

    reason: ClassVar[str]

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def keep(self, events: Events) -> np.ndarray:
        """(N,) bool."""


class Split(Plug):
    """Cuts events into parts. Built as ``Split(config)``.

    Attributes:
        in_time: no user's training event is later than what is held out of the user.
    """

    in_time: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def parts(self, events: Events, seed: int) -> np.ndarray:
        """(N,) uint8, a `p5rec.data.events.Part` for each event."""
