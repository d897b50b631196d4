"""Rankings of the whole catalogue: asked of others, and answered from, whatever the candidates.

What an item scores must not depend on the candidates beside it, for scales and weights were chosen on whole rankings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from p5rec.blocks.best import best
from p5rec.contracts import ItemLists, Queries, Responder
from p5rec.data.answers import NOTHING, reasoned


def full(responder: Responder, queries: Queries) -> Tensor:
    """(Q, V) scores of the whole catalogue."""
    answer = responder(replace(queries, candidates=None), None)
    assert isinstance(answer, ItemLists)
    return torch.from_numpy(answer.scores)


def answered(total: Callable[[Queries], Tensor], queries: Queries, k: int | None, count: int, chunk: int) -> ItemLists:
    """The best k of each query, or all its candidates, by the scores (Q, V) that `total` gives of whole catalogues.

    Args:
        total: is asked without candidates.
        queries: with candidates or without.
        k: list length asked for; None: all.
        count: V.
        chunk: queries at once.
    """
    starts = range(0, max(len(queries), 1), chunk)
    lists = _stacked([_some(total, queries.rows(slice(start, start + chunk)), k) for start in starts])
    return lists if k is None else reasoned(lists, k, count, queries.candidates)


def repeated(items: Tensor) -> Tensor:
    """(Q, N) bool: the item stands further left already."""
    ordered, order = items.sort(dim=1, stable=True)
    same = torch.zeros_like(ordered, dtype=torch.bool)
    same[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    return torch.zeros_like(same).scatter_(1, order, same)


def _some(total: Callable[[Queries], Tensor], queries: Queries, k: int | None) -> ItemLists:
    """Answers of one chunk, reasons left out."""
    scores = total(replace(queries, candidates=None))
    if queries.candidates is None:
        items = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    else:
        given = torch.from_numpy(queries.candidates.padded(NOTHING).astype(np.int64))
        given = given.masked_fill(repeated(given), NOTHING)
        items, scores = given.numpy(), scores.gather(1, given.clamp(min=0)).masked_fill(given < 0, -torch.inf)
    if k is None:
        return ItemLists(items, scores.numpy())
    values, columns = (part.numpy() for part in best(scores, k))
    return ItemLists(np.where(np.isneginf(values), NOTHING, np.take_along_axis(items, columns, axis=1)), values)


def _stacked(parts: list[ItemLists]) -> ItemLists:
    """Chunks of answers as one; candidates of different width are padded, the whole catalogue is not copied."""
    if len(parts) == 1:
        return parts[0]
    width = max(part.items.shape[1] for part in parts)
    scores = np.concatenate([_wide(part.scores, width, -np.inf) for part in parts])
    if all(part.items.strides[0] == 0 for part in parts):
        return ItemLists(np.broadcast_to(parts[0].items[0], scores.shape), scores)
    return ItemLists(np.concatenate([_wide(part.items, width, NOTHING) for part in parts]), scores)


def _wide(values: np.ndarray, width: int, fill: float) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, width - values.shape[1])), constant_values=fill)
