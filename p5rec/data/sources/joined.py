"""Several data sets as one: users and items keep apart, what is known of items meets under common names."""

from __future__ import annotations

from typing import ClassVar

from p5rec.core.config import Config as Settings
from p5rec.data.events import Tables
from p5rec.data.joining import joined
from p5rec.data.stages import Source


class Joined(Source):
    """Ids are prefixed by the name of their data set (``beauty/B001``), so no id means two things.

    A page has a table for each: ``[data.source.of.beauty]`` with ``path``, ``items`` and so on as ``[data]`` has
    them, and ``source`` where it is not to be guessed. What only some data sets have is kept where it can be missing
    (texts, context, columns of items) and left out where it cannot (times, labels, a given split); without times the
    events of each user stand in the order their own data set gives. Labels of different scales are brought to that of
    the first.
    """

    joins: ClassVar[bool] = True

    class Config(Settings):
        """Nothing of its own; the data sets stand below ``of``."""

    def read(self) -> Tables:
        """Lazy tables; see `Source.read`."""
        return joined({name: source.read() for name, source in self.inner.items()})
