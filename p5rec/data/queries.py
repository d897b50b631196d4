"""What is asked of a responder: a struct of arrays, Q queries at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from p5rec.data.prompt import Prompts
from p5rec.data.ragged import Ragged, joined

UNKNOWN = -1  # the number of a user or an item that is not in the vocabulary


@dataclass(frozen=True)
class Queries:
    """Q questions "what next for this history?".

    Attributes:
        users: (Q,) int64 user numbers, `UNKNOWN` for users never seen in training.
        history: Q rows of item numbers, oldest first; for known users slices of the mapped event columns.
        side: further event columns, the same slices as `history`. ``time`` and ``kind`` and the dataset's
            context columns were known before an event; ``label`` only after it.
        context: (Q,) columns known at the time of the request (``time``, ``kind``, device …).
        candidates: rows of item numbers that may be answered; None is the whole catalogue.
        excluded: rows of item numbers that must not be answered.
        prompt: what to read instead of the bare history: it may hold the history, words, users, items and numbers.
    """

    users: np.ndarray
    history: Ragged
    side: Mapping[str, Ragged] = field(default_factory=dict)
    context: Mapping[str, np.ndarray] = field(default_factory=dict)
    candidates: Ragged | None = None
    excluded: Ragged | None = None
    prompt: Prompts | None = None

    @classmethod
    def of(cls, histories: list[Any], users: np.ndarray | None = None, **others: Any) -> Queries:
        """From lists of item numbers; users are unknown unless given."""
        count = len(histories)
        known = np.full(count, UNKNOWN, dtype=np.int64) if users is None else np.asarray(users, dtype=np.int64)
        return cls(users=known, history=Ragged.of(histories), **others)

    def __len__(self) -> int:
        return len(self.users)

    def rows(self, chosen: np.ndarray | slice) -> Queries:
        """The chosen queries; columns stay shared."""
        return replace(self, **{f.name: _rows(getattr(self, f.name), chosen) for f in fields(self)})

    def excluding(self, items: Ragged) -> Queries:
        """These queries with further items that must not be answered."""
        return replace(self, excluded=items if self.excluded is None else joined(self.excluded, items))


def _rows(value: Any, chosen: np.ndarray | slice) -> Any:
    if value is None:
        return None
    if isinstance(value, Ragged | Prompts):
        return value.rows(chosen)
    if isinstance(value, Mapping):
        return {name: _rows(inner, chosen) for name, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(value[n] for n in np.arange(len(value))[chosen])
    return value[chosen]


@dataclass(frozen=True)
class Truth:
    """What was right for Q queries: the held-out items of each, with their labels.

    Attributes:
        items: Q rows of item numbers, at least one in each row.
        labels: Q rows aligned with `items`: ratings, or 1.0 where the data has none.
        ranks: Q rows aligned with `items`: the place of each in the full ranking, 1 is first, ties counted
            against the model; None until evaluation has ranked.
        ranked: (Q,) how many items were ranked for each query; None until then.
        texts: (Q) what was really written, one reference a query; None where no text is asked for.
    """

    items: Ragged
    labels: Ragged
    ranks: Ragged | None = None
    ranked: np.ndarray | None = None
    texts: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def rows(self, chosen: np.ndarray | slice) -> Truth:
        """The truth of the chosen queries."""
        return replace(self, **{f.name: _rows(getattr(self, f.name), chosen) for f in fields(self)})
