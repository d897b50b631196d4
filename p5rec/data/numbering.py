"""Gives users and items their numbers, and brings the events into the order of those."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from p5rec.data.events import Events
from p5rec.data.ragged import Ragged
from p5rec.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class Numbered:
    """Events with final numbers, sorted by user; `rows` are their rows in the file."""

    events: Events
    rows: np.ndarray
    users: Vocabulary
    items: Vocabulary


def numbered(
    events: Events,
    rows: np.ndarray,
    keys: tuple[pl.Series, pl.Series],
    further: tuple[pl.Series | None, pl.Series | None],
    seed: int,
) -> Numbered:
    """Number what is left of users and items by a seeded permutation of the sorted ids.

    Args:
        events: numbers are places in `keys`; sorted by user.
        rows: (N,) rows of the file.
        keys: sorted ids of users and items as read; those without an event left get no number.
        further: ids of user and item tables that join, unless they lost all their events to a filter.
        seed: of the permutation.
    """
    users, user_number = _vocabulary(keys[0], events.user, further[0], seed, "users")
    items, item_number = _vocabulary(keys[1], events.item, further[1], seed, "items")
    order = _by_user(events, user_number)
    moved = events.rows(order)
    return Numbered(
        replace(
            moved,
            user=user_number[moved.user],
            item=item_number[moved.item],
            users=len(users),
            items=len(items),
        ),
        rows[order],
        users,
        items,
    )


def _vocabulary(
    keys: pl.Series, used: np.ndarray, further: pl.Series | None, seed: int, name: str
) -> tuple[Vocabulary, np.ndarray]:
    """The vocabulary, and the number of each old place, -1 for none."""
    here = np.flatnonzero(np.bincount(used, minlength=len(keys)))
    ids = keys.gather(here)
    joined = ids if further is None else pl.concat([ids, further.filter(~further.is_in(keys.implode()))])
    vocabulary = Vocabulary.fit(joined, seed, name)
    number = np.full(len(keys), -1, dtype=np.int32)
    number[here] = vocabulary.numbers(ids)
    return vocabulary, number


def _by_user(events: Events, number: np.ndarray) -> np.ndarray:
    """Places of the events, users in the order of their new numbers, each user's events as they were."""
    offsets = events.offsets
    old = np.flatnonzero(number >= 0)
    old = old[np.argsort(number[old])]
    return Ragged(events.item, offsets[old], offsets[old + 1]).places()[1]
