"""Live events and the log that keeps them; `p5rec.contracts` shows the store with the other plugs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from p5rec.core.plugins import Plug


@dataclass(frozen=True)
class Event:
    """One thing that happened, ids as strings of the outside.

    Attributes:
        time: seconds since 1970.
        label: rating or reward; 1 where the data has none, NaN where it has and this event was not labelled.
        context: raw values of the context columns of the data, as far as they were told.
    """

    event_id: str
    user_id: str
    item_id: str
    time: float
    kind: str = ""
    label: float = 1.0
    context: Mapping[str, Any] = field(default_factory=dict)


class Store(Plug):
    """The log of live events. Built as ``Store(config, folder)``; an answered append survives a crash.

    Every method may be called from many threads at once.
    """

    @abstractmethod
    def append(self, events: Sequence[Event]) -> list[bool]:
        """All or nothing; for each whether it was new (False: its event id was known)."""

    @abstractmethod
    def read(self, user_id: str, limit: int, after: int = 0) -> list[Event]:
        """The last events of a user that arrived after a cursor, oldest first: by time, then by arrival."""

    @abstractmethod
    def since(self, cursor: int, limit: int) -> tuple[list[Event], int]:
        """Events in order of arrival after a cursor, and the cursor behind them."""

    @abstractmethod
    def erase(self, user_id: str) -> int:
        """Remove all events of a user; how many there were. From now on `erased` is true of the user."""

    @abstractmethod
    def erased(self, user_id: str) -> bool:
        """Whether the user was ever erased: what an artifact still knows of the user must not be used."""

    @abstractmethod
    def count(self) -> int:
        """The newest cursor: events ever accepted."""

    @abstractmethod
    def put_items(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep items that came in live, JSON values with an ``item_id``; all or nothing, the last row of an id wins."""

    @abstractmethod
    def items(self) -> list[dict[str, Any]]:
        """The rows kept by `put_items`, in order of first arrival."""

    def close(self) -> None:
        """Release files and connections; nothing may be called afterwards."""
