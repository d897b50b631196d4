"""What metrics read from a ranking: the place of each true item, and sums over the true items of each query."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from p5rec.data.answers import NOTHING, ItemLists
from p5rec.data.queries import Truth
from p5rec.data.ragged import Ragged
from p5rec.evaluation.ranking import NEVER


def places(answers: ItemLists, truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Query (T,) and rank (T,) of each true item: from the full ranking, or from the list where there is none."""
    row, item = truth.items.flat()
    if truth.ranks is not None:
        return row, truth.ranks.flat()[1]
    same = answers.items[row] == item[:, None]
    found = same.any(1) if same.shape[1] else np.zeros(len(row), dtype=bool)
    return row, np.where(found, same.argmax(1) + 1 if same.shape[1] else 0, NEVER)


def per_query(row: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """(Q,) the sum of values (T,) over the true items of each query."""
    return np.bincount(row, weights=values, minlength=count)


def order(row: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """(T,) 0 for the best true item of its query, 1 for the next …"""
    sort = np.lexsort((ranks, row))
    out = np.empty(len(row), dtype=np.int64)
    out[sort] = np.arange(len(row)) - np.searchsorted(row[sort], row[sort], side="left")
    return out


def top(answers: ItemLists, k: int) -> np.ndarray:
    """(Q, k) the first k items of each list, `NOTHING` behind shorter ones."""
    width = answers.items.shape[1]
    if width >= k:
        return answers.items[:, :k]
    return np.pad(answers.items, ((0, 0), (0, k - width)), constant_values=NOTHING)


def mean_over(items: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(Q,) the mean of values (V,) over the answered items (Q, k) of each list; NaN for an empty list."""
    answered = items != NOTHING
    sums = np.where(answered, values[np.where(answered, items, 0)], 0.0).sum(1)
    counts = answered.sum(1)
    return np.divide(sums, counts, out=np.full(len(items), np.nan), where=counts > 0)


def distinct(truth: Truth) -> Truth:
    """Each true item of a query once (the first of several events of it)."""
    row, item = truth.items.flat()
    key = row * (int(item.max(initial=0)) + 2) + item
    first = np.sort(np.unique(key, return_index=True)[1])
    if len(first) == len(key):
        return truth
    stops = np.cumsum(np.bincount(row[first], minlength=len(truth)))
    starts = np.r_[0, stops[:-1]].astype(np.int64)
    labels = truth.labels.flat()[1]
    return replace(truth, items=Ragged(item[first], starts, stops), labels=Ragged(labels[first], starts, stops))
