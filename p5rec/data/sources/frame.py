"""Frames in memory: pandas or polars."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from p5rec.core.errors import InputError
from p5rec.data.events import Tables
from p5rec.data.read import from_frame
from p5rec.data.stages import Source
from p5rec.data.tables import RoleOptions, assembled


class Frame(Source):
    """A pandas or polars frame of events, and of users and items if there are such."""

    class Config(RoleOptions):
        """Frames and columns."""

        events: Any = Field(None, description="frame of the events")
        users: Any = Field(None, description="frame of users, one row each")
        items: Any = Field(None, description="frame of items, one row each")

    config: Config

    def read(self) -> Tables:
        """Lazy tables; see `Source.read`."""
        given = self.config
        if given.events is None:
            raise InputError("data.source: a frame lives in Python only; give it to p5rec.prepare(frame, out=...)")
        users = None if given.users is None else from_frame(given.users, "user frame")
        items = None if given.items is None else from_frame(given.items, "item frame")
        return assembled(given, from_frame(given.events, "event frame"), users, items, facts={"name": "frame"})
