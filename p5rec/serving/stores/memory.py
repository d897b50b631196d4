"""Events in memory, for notebooks, tests and the command line: nothing survives the process."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from p5rec import contracts
from p5rec.contracts import Event
from p5rec.core.config import Config


class Memory(contracts.Store):
    """A list and a lock."""

    def __init__(self, config: Config, folder: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._log: list[tuple[int, Event]] = []
        self._of_user: dict[str, list[tuple[int, Event]]] = {}
        self._ids: set[str] = set()
        self._erased: set[str] = set()
        self._items: dict[str, dict[str, Any]] = {}
        self._cursor = 0

    def append(self, events: Sequence[Event]) -> list[bool]:
        """Known ids are left out.

        Raises:
            TypeError: something is no event; nothing is taken then.
        """
        if strange := [event for event in events if not isinstance(event, Event)]:
            raise TypeError(f"found {strange[0]!r}, expected an Event")
        with self._lock:
            return [self._add(event) for event in events]

    def read(self, user_id: str, limit: int, after: int = 0) -> list[Event]:
        """Sorted when asked."""
        with self._lock:
            mine = [entry for entry in self._of_user.get(user_id, ()) if entry[0] > after]
        mine.sort(key=lambda entry: (entry[1].time, entry[0]))
        return [event for _, event in mine[-limit:]] if limit else []

    def since(self, cursor: int, limit: int) -> tuple[list[Event], int]:
        """A slice of the log."""
        with self._lock:
            start = bisect_right(self._log, cursor, key=lambda entry: entry[0])
            rows = self._log[start : start + limit]
        return [event for _, event in rows], rows[-1][0] if rows else cursor

    def erase(self, user_id: str) -> int:
        """Event ids are forgotten too."""
        with self._lock:
            gone = self._of_user.pop(user_id, [])
            self._ids -= {event.event_id for _, event in gone}
            self._log = [entry for entry in self._log if entry[1].user_id != user_id]
            self._erased.add(user_id)
        return len(gone)

    def erased(self, user_id: str) -> bool:
        """Whether `erase` was called for the user."""
        return user_id in self._erased

    def count(self) -> int:
        """The newest cursor."""
        return self._cursor

    def put_items(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Kept by id."""
        with self._lock:
            self._items.update({row["item_id"]: dict(row) for row in rows})

    def items(self) -> list[dict[str, Any]]:
        """Copies."""
        with self._lock:
            return [dict(row) for row in self._items.values()]

    def _add(self, event: Event) -> bool:
        if event.event_id in self._ids:
            return False
        self._cursor += 1
        self._ids.add(event.event_id)
        self._log.append((self._cursor, event))
        self._of_user.setdefault(event.user_id, []).append((self._cursor, event))
        return True
