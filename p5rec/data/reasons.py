"""Why an item was recommended and what is like it, asked of any ranker by histories of a single item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from p5rec.data.answers import NOTHING, ItemLists
from p5rec.data.queries import Queries
from p5rec.data.ragged import Ragged

LAST = 20  # items of a history that may be a reason
LOUD = 1.0  # deviations above its mean over the catalogue at which an item of the history speaks for another
CHUNK = 256  # single items asked at once

Ranker = Callable[[Queries, int | None], Any]


def because(ranker: Ranker, queries: Queries, lists: ItemLists, limit: int = LAST) -> np.ndarray:
    """The item of each history that speaks most for each recommended item.

    Each of the last `limit` items of a history is asked alone. Its scores are standardised over the catalogue, so
    that an item which is loud about everything does not win everywhere; and it must rank the recommended item higher
    than an empty history does.

    Returns:
        (Q, K) int64 item numbers; `NOTHING` where no item of the history speaks for it: it is just popular.
    """
    nobody = ranker(Queries.of([[]]), None).scores[0]
    history = queries.history.last(limit)
    best = np.full(lists.items.shape, LOUD, dtype=np.float32)
    found = np.full(lists.items.shape, NOTHING, dtype=np.int64)
    row, item = history.flat()
    for items, scores in _alone(ranker, np.unique(item[item >= 0])):
        here = np.flatnonzero(np.isin(item, items))
        for query, own in zip(row[here], item[here], strict=True):
            wanted = lists.items[query]
            alone = scores[np.searchsorted(items, own)]
            louder = (alone[wanted] > best[query]) & (wanted != own) & (wanted != NOTHING)
            louder &= _place(alone, wanted) < _place(np.where(np.isneginf(alone), -np.inf, nobody), wanted)
            best[query, louder], found[query, louder] = alone[wanted][louder], own
    return found


def similar(ranker: Ranker, items: np.ndarray, k: int) -> ItemLists:
    """The k best answers to a history of each of (N,) items alone, without the item itself."""
    alone = Queries.of([[item] for item in items])
    lists: ItemLists = ranker(alone.excluding(Ragged.of([[item] for item in items])), k)
    return lists


def _place(scores: np.ndarray, items: np.ndarray) -> np.ndarray:
    """(K,) places of items by the scores (V,) of the catalogue, ties last."""
    return (scores[None, :] >= scores[items][:, None]).sum(1)


def _alone(ranker: Ranker, items: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chunks of items and their standardised scores (N, V) of the catalogue; -inf where nothing may be answered."""
    for start in range(0, len(items), CHUNK):
        chunk = items[start : start + CHUNK]
        yield chunk, standard(ranker(Queries.of([[item] for item in chunk]), None).scores)


def standard(scores: np.ndarray) -> np.ndarray:
    """(Q, C) scores with mean 0 and deviation 1 over the finite entries of each row; -inf stays."""
    finite = np.isfinite(scores)
    count = np.maximum(finite.sum(1, keepdims=True), 1)
    mean = np.where(finite, scores, 0).sum(1, keepdims=True) / count
    centred = np.where(finite, scores - mean, 0)
    deviation = np.sqrt((centred**2).sum(1, keepdims=True) / count)
    return np.where(finite, centred / np.maximum(deviation, 1e-12), -np.inf).astype(np.float32, copy=False)
