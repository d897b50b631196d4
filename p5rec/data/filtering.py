"""Applies filters one after the other; what each drops is counted with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from p5rec.data.events import Events
from p5rec.data.stages import Filter


@dataclass(frozen=True)
class Dropped:
    """What one stage left out: rows, and the users and items of which nothing was left."""

    stage: str
    reason: str
    rows: int
    users: int = 0
    items: int = 0

    def facts(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def filtered(events: Events, rows: np.ndarray, filters: Sequence[Filter]) -> tuple[Events, np.ndarray, list[Dropped]]:
    """Events and their rows in the file after all filters, and what each dropped (nothing is told too)."""
    dropped = []
    for plug in filters:
        keep = plug.keep(events)
        if keep.all():
            left = events
        else:
            left, rows = events.rows(keep), rows[keep]
        gone = [_present(before) - _present(after) for before, after in _sides(events, left)]
        dropped.append(Dropped(name_of(plug), plug.reason, len(events) - len(left), *gone))
        events = left
    return events, rows, dropped


def name_of(plug: object) -> str:
    """The name a plug has in a page: its file."""
    return type(plug).__module__.rsplit(".", 1)[-1]


def _sides(before: Events, after: Events) -> list[tuple[tuple[np.ndarray, int], tuple[np.ndarray, int]]]:
    users = (before.user, before.users), (after.user, after.users)
    return [users, ((before.item, before.items), (after.item, after.items))]


def _present(side: tuple[np.ndarray, int]) -> int:
    return int(np.count_nonzero(np.bincount(side[0], minlength=side[1])))
