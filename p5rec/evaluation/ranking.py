"""Places of true items in full rankings, and the lists that go with them; a tie counts against the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from p5rec.core.errors import InputError
from p5rec.data.answers import NOTHING, ItemLists
from p5rec.data.queries import Truth
from p5rec.data.ragged import Ragged

NEVER = 2**31 - 1  # the rank of a true item that was not offered: behind every list
BLOCK = 2**23  # scores compared at once where queries have several true items


def rank(answers: ItemLists, truth: Truth, depth: int) -> tuple[ItemLists, Truth]:
    """Rank all offered items of each query and look up the true ones.

    The rank of a true item is 1 + the offered items that are not true and score at least as high + the true items
    placed before it. A true item that was not offered (excluded, no candidate, -inf) has the rank `NEVER`.

    Args:
        answers: (Q, K) scores of all candidates, as a responder gives them for ``k=None``.
        truth: distinct true items of each query.
        depth: length of the lists.

    Returns:
        Lists (Q, min(depth, K)), best first, in the same order as the ranks; and the truth with ranks.

    Raises:
        InputError: a score is not a number.
    """
    grid = np.require(answers.scores, requirements=["C", "W"])
    scores = torch.from_numpy(grid)
    _refuse_nan(scores)
    row, item = truth.items.flat()
    own = _own_scores(answers.items, grid, row, item)
    ranks = _ranks(row, own, _at_least(grid, row, own))
    lists = _lists(answers.items, scores, (row, item, own, ranks), truth.items.lengths, depth)
    stops = np.cumsum(truth.items.lengths)
    return lists, replace(truth, ranks=Ragged(ranks, stops - truth.items.lengths, stops), ranked=_offered(scores, grid))


def _offered(scores: Tensor, grid: np.ndarray) -> np.ndarray:
    """(Q,) how many items of each row are offered; most often all are, which the smallest score tells."""
    if scores.numel() and not bool(torch.isneginf(scores.amin())):
        return np.full(len(grid), grid.shape[1])
    return np.count_nonzero(grid > -np.inf, axis=1)


def _refuse_nan(scores: Tensor) -> None:
    if scores.numel() and bool(torch.isnan(best := scores.amax(1)).any()):
        first = int(torch.isnan(best).nonzero()[0])
        raise InputError(
            f"{int(torch.isnan(scores).sum())} scores are not a number (the first in query {first} of its batch); "
            "a model whose scores are NaN has diverged: lower its learning rate or clip its gradients"
        )


def _own_scores(items: np.ndarray, scores: np.ndarray, row: np.ndarray, item: np.ndarray) -> np.ndarray:
    """(T,) the score of each true item, -inf where it was not offered."""
    if _in_catalogue_order(items):
        found = (item >= 0) & (item < items.shape[1])
        return np.where(found, scores[row, np.where(found, item, 0)], -np.inf)
    own = np.full(len(row), -np.inf, dtype=scores.dtype)
    for part in _blocks(len(row), items.shape[1]):
        same = items[row[part]] == item[part, None]
        own[part] = np.where(same, scores[row[part]], -np.inf).max(1, initial=-np.inf)
    return own


def _in_catalogue_order(items: np.ndarray) -> bool:
    catalogue = np.arange(items.shape[1])
    return bool(np.array_equal(items[0], catalogue) and (items.strides[0] == 0 or (items == catalogue).all()))


def _at_least(scores: np.ndarray, row: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(T,) how many offered items, true or not, score at least as high."""
    counts = np.zeros(len(row), dtype=np.int64)
    for place, (query, score) in enumerate(zip(row.tolist(), own, strict=True)):
        counts[place] = np.count_nonzero(scores[query] >= score)
    return counts


def _blocks(rows: int, width: int) -> list[slice]:
    size = max(BLOCK // max(width, 1), 1)
    return [slice(start, start + size) for start in range(0, rows, size)]


def _ranks(row: np.ndarray, own: np.ndarray, at_least: np.ndarray) -> np.ndarray:
    """(T,) ranks from the scores of true items and the counts of `_at_least`."""
    if not len(row):
        return np.empty(0, dtype=np.int64)
    order = np.lexsort((-own, row))
    rows, scores = row[order], own[order]
    first = np.searchsorted(rows, rows, side="left")
    starts = np.flatnonzero(np.r_[True, (rows[1:] != rows[:-1]) | (scores[1:] != scores[:-1])])
    ends = np.r_[starts[1:], len(rows)]
    true_at_least = np.repeat(ends, ends - starts) - first
    ranks = np.empty(len(row), dtype=np.int64)
    ranks[order] = 1 + at_least[order] - true_at_least + np.arange(len(rows)) - first
    return np.where(np.isneginf(own), NEVER, ranks)


def _lists(
    items: np.ndarray,
    scores: Tensor,
    true: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    lengths: np.ndarray,
    depth: int,
) -> ItemLists:
    """The best items that are not true, with each true item put in at its rank."""
    row, item, own, ranks = true
    width = min(depth, scores.shape[1])
    reach = min(width + int(lengths.max(initial=0)), scores.shape[1])
    best, column = (part.numpy() for part in torch.topk(scores, reach, dim=1))
    names = np.take_along_axis(items, column, axis=1)
    is_true = _among(names, row, item)
    order = np.argsort(is_true, axis=1, kind="stable")[:, :width]
    best = np.take_along_axis(np.where(is_true, -np.inf, best).astype(np.float32), order, axis=1)
    names = np.take_along_axis(names, order, axis=1)
    taken = np.zeros(best.shape, dtype=bool)
    inside = ranks <= width
    row, item, own, place = row[inside], item[inside], own[inside], ranks[inside] - 1
    taken[row, place] = True
    source = np.arange(width)[None, :] - np.cumsum(taken, axis=1) + taken
    source = np.where(taken, 0, source)
    best, names = (np.take_along_axis(part, source, axis=1) for part in (best, names))
    best[row, place], names[row, place] = own, item
    return ItemLists(np.where(np.isneginf(best), NOTHING, names), best)


def _among(names: np.ndarray, row: np.ndarray, item: np.ndarray) -> np.ndarray:
    """(Q, K) bool: whether an item is one of the query's true ones."""
    base = int(max(names.max(initial=0), item.max(initial=0))) + 2
    keys = np.sort(row * base + item)
    wanted = np.arange(len(names))[:, None] * base + names
    if not len(keys):
        return np.zeros(names.shape, dtype=bool)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return keys[place] == wanted
