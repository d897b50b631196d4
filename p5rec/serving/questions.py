"""What requests ask, as the same `Queries` that evaluation asks: artifact history, then live events."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from p5rec.contracts import Dataset, Event, Queries, Store
from p5rec.data.context import encoded
from p5rec.data.live import instructed
from p5rec.data.queries import UNKNOWN
from p5rec.data.ragged import Ragged

UNTOLD = -1.0  # the time of an event or request that came without one


@dataclass(frozen=True)
class Question:
    """One request: of a user, or of a given history.

    Attributes:
        user_id: whose history; unknown users are asked with an empty one.
        history: item ids, oldest first, in place of a user.
        k: items wanted.
        candidates: item ids that may be answered, None for all.
        exclude: item ids that must not be answered.
        time: of the request, seconds since 1970; now unless told.
        context: raw values of the context columns of the data, known at the time of the request.
        instruction: words behind the history that steer the answer ("something from category X").
        reasons: say which event speaks for each item (costs a second look at the history).
    """

    user_id: str | None = None
    history: tuple[str, ...] | None = None
    k: int = 10
    candidates: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    time: float = UNTOLD
    context: Mapping[str, Any] = field(default_factory=dict)
    instruction: str = ""
    reasons: bool = False


@dataclass(frozen=True)
class Ground:
    """A dataset and what must be known of it to put live events beside its own."""

    dataset: Dataset

    @cached_property
    def timed(self) -> bool:
        """Whether the data has times, so that a request's own time means something."""
        return bool((self.dataset.events["time"] >= 0).any())

    @cached_property
    def usual_label(self) -> float:
        """The mean label of training rows, which stands in for a missing one."""
        _, places = self.dataset.history("train").places()
        return float(self.dataset.events["label"][places].mean()) if len(places) else 1.0

    def context(self, told: Mapping[str, Any], time: float) -> dict[str, float]:
        """Raw context of one event or request as the columns of the data hold it."""
        return encoded(self.dataset.facts.get("context", {}), told, time)


@dataclass(frozen=True)
class Past:
    """What is known of one asker, oldest first.

    Attributes:
        user: number of the user, `UNKNOWN` if never trained on.
        columns: aligned event columns of the dataset, ``item`` among them.
        seen: events known, those of items outside the vocabulary included.
    """

    user: int
    columns: dict[str, np.ndarray]
    seen: int

    @property
    def ignored(self) -> int:
        """Events of items that the models do not know."""
        return self.seen - len(self.columns["item"])


def pasts(ground: Ground, store: Store, questions: Sequence[Question], limit: int, after: int) -> list[Past]:
    """What is known of each asker: the artifact's history and then live events, in order of time; or what was given.

    Args:
        ground: the dataset of the artifact.
        store: of live events.
        questions: who asks; of erased users only live events are used.
        limit: most live events of a user.
        after: cursor of the store that the artifact was trained up to.
    """
    numbers = np.array([_number(ground.dataset, store, question) for question in questions])
    known = ground.dataset.latest(numbers)
    columns = {"item": known.history} | dict(known.side)
    found = []
    for row, question in enumerate(questions):
        if question.history is not None:
            found.append(_given(ground, question.history, int(known.users[row])))
            continue
        mine = {name: rows[row] for name, rows in columns.items()}
        live = store.read(question.user_id or "", limit, after)
        seen = len(mine["item"]) + len(live)
        if live:
            mine = _inserted(mine, _known(_columns(ground, live)))
        found.append(Past(int(known.users[row]), mine, seen))
    return found


def _number(dataset: Dataset, store: Store, question: Question) -> int:
    if question.user_id is None or store.erased(question.user_id):
        return UNKNOWN
    return dataset.users.number(question.user_id)


def _given(ground: Ground, history: Sequence[str], user: int) -> Past:
    """A history of item ids without times."""
    events = [Event("", "", item_id, UNTOLD, label=math.nan) for item_id in history]
    return Past(user, _known(_columns(ground, events)), len(history))


def queries(ground: Ground, known: Sequence[Past], questions: Sequence[Question], steered: bool = False) -> Queries:
    """One `Queries` of Q questions; either all have candidates or none.

    Args:
        ground: the dataset of the artifact.
        known: of each asker, as `pasts` found it.
        questions: what each asks.
        steered: put their instructions behind the histories.
    """
    dataset = ground.dataset
    history = Ragged.of([past.columns["item"] for past in known])
    others = [name for name in dataset.events if name != "item"]
    made = Queries(
        users=np.array([past.user for past in known], dtype=np.int64),
        history=history,
        side={name: _side(history, [past.columns[name] for past in known]) for name in others},
        context=_requests(ground, questions),
        candidates=_items(dataset, [question.candidates for question in questions]),
        excluded=_items(dataset, [question.exclude or None for question in questions]),
    )
    told = [question.instruction for question in questions]
    return instructed(made, told, dataset.words) if steered and dataset.words is not None and any(told) else made


def _requests(ground: Ground, questions: Sequence[Question]) -> dict[str, np.ndarray]:
    """(Q,) columns known when asked: those of an event, but what comes after it."""
    times = [question.time if ground.timed else UNTOLD for question in questions]
    asked = [Event("", "", "", time, context=one.context) for one, time in zip(questions, times, strict=True)]
    columns = _columns(ground, asked)
    return {name: values for name, values in columns.items() if name not in ("item", "label")}


def _columns(ground: Ground, events: Sequence[Event]) -> dict[str, np.ndarray]:
    """Events as columns of the dataset; a kind that is not told is the one that is recommended for."""
    dataset = ground.dataset
    kinds = {kind: number for number, kind in enumerate(dataset.kinds)}
    contexts = [ground.context(event.context, event.time) for event in events]
    told = {
        "item": dataset.items.numbers([event.item_id for event in events]),
        "time": [int(event.time) for event in events],
        "label": [ground.usual_label if math.isnan(event.label) else event.label for event in events],
        "kind": [kinds.get(event.kind, dataset.target) for event in events],
    }
    return {
        name: np.asarray(told[name] if name in told else [one.get(name, 0) for one in contexts]).astype(values.dtype)
        for name, values in dataset.events.items()
    }


def _known(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without the events of items that are not in the vocabulary."""
    keep = columns["item"] != UNKNOWN
    return {name: values[keep] for name, values in columns.items()}


def _inserted(known: dict[str, np.ndarray], live: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Live events put where their time belongs; the order of the known ones stays as it is."""
    clock = np.maximum.accumulate(known["time"]) if len(known["time"]) else known["time"]
    places = np.searchsorted(clock, live["time"], side="right")
    return {name: np.insert(known[name], places, live[name]) for name in known}


def _side(history: Ragged, rows: Sequence[np.ndarray]) -> Ragged:
    return Ragged(np.concatenate(rows), history.starts, history.stops)


def _items(dataset: Dataset, rows: Sequence[tuple[str, ...] | None]) -> Ragged | None:
    """Item numbers of rows of ids, unknown ids left out; None where no row has any."""
    if all(row is None for row in rows):
        return None
    numbers = [dataset.items.numbers(row or ()) for row in rows]
    return Ragged.of([row[row != UNKNOWN] for row in numbers])
