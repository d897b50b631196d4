"""What a responder answers: item lists, numbers or texts, Q at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from p5rec.data.ragged import Ragged

NOTHING = -1  # pads an item list that is shorter than k


@dataclass(frozen=True)
class ItemLists:
    """Q lists of items, best first; one type from candidates to final answer.

    Attributes:
        items: (Q, K) int64 item numbers, `NOTHING` pads. With ``k=None`` K covers all candidates, in
            catalogue or candidate order rather than by score.
        scores: (Q, K) float32; -inf where nothing may be answered.
        short: query number → why it has fewer than k items.
    """

    items: np.ndarray
    scores: np.ndarray
    short: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class Numbers:
    """One number for each candidate of each query, aligned with ``queries.candidates``.

    Attributes:
        values: (Q, C) float32, C the longest candidate row.
    """

    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Texts:
    """One text a query."""

    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Replies:
    """Answers to Q prompts, each of the kind that its prompt asks for.

    Attributes:
        kinds: (Q,) int64, ITEM, NUMBER or WORD of `p5rec.core.things.Kind`.
        items: lists of those who ask for items; the others are empty.
        numbers: (Q,) float32, NaN for the others.
        texts: "" for the others.
    """

    kinds: np.ndarray
    items: ItemLists
    numbers: np.ndarray
    texts: Texts

    def __len__(self) -> int:
        return len(self.kinds)


Answers = ItemLists | Numbers | Texts | Replies


def top(items: np.ndarray, scores: np.ndarray, k: int) -> ItemLists:
    """The k best of each row, best first, ties by column; entries of -inf are not answered.

    Args:
        items: (Q, C) or (C,) item numbers of the columns.
        scores: (Q, C).
        k: list length asked for; lists are min(k, C) wide.
    """
    k = min(k, scores.shape[1])
    best = _best_columns(scores, k)
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    chosen = np.take_along_axis(scores, best, axis=1)
    numbers = items[best] if items.ndim == 1 else np.take_along_axis(items, best, axis=1)
    return ItemLists(np.where(np.isneginf(chosen), NOTHING, numbers), chosen.astype(np.float32, copy=False))


def _best_columns(scores: np.ndarray, k: int) -> np.ndarray:
    """(Q, k) columns of the k best, rising; of those that tie for the last place the first columns."""
    if k == scores.shape[1]:
        return np.broadcast_to(np.arange(k), scores.shape)
    best = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    last = np.take_along_axis(scores, best, axis=1).min(axis=1, keepdims=True)
    for row in np.flatnonzero((scores >= last).sum(axis=1) > k):  # a partition takes any of the tied
        best[row] = np.sort(np.argsort(-scores[row], kind="stable")[:k])
    return best


def reasoned(lists: ItemLists, k: int, count: int, candidates: Ragged | None = None) -> ItemLists:
    """The same lists, k wide, and in one sentence each why some are shorter.

    Args:
        lists: (Q, K ≤ k), best first.
        k: list length asked for.
        count: V, items of the catalogue.
        candidates: what the queries allowed.
    """
    missing = ((0, 0), (0, k - lists.items.shape[1]))
    items = np.pad(lists.items, missing, constant_values=NOTHING)
    scores = np.pad(lists.scores, missing, constant_values=-np.inf)
    found = (items != NOTHING).sum(1)
    lacking: list[int] = np.flatnonzero(found < k).tolist()
    short = {n: _why(int(found[n]), count, None if candidates is None else candidates[n]) for n in lacking}
    return ItemLists(items, scores, short)


def _why(left: int, count: int, candidates: np.ndarray | None) -> str:
    """Why only so many items could be answered."""
    if candidates is None:
        if left == count:
            return f"the catalogue has only {count} items"
        return f"only {left} of {count} items remain after leaving out seen or excluded ones"
    given = len(np.unique(candidates[candidates >= 0]))
    if left == given:
        return f"only {given} {'candidate was' if given == 1 else 'candidates were'} given"
    return f"only {left} of {given} candidates remain after leaving out seen or excluded ones"
