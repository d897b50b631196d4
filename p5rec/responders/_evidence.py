"""What a second stage sees: the items that any first stage puts near the top, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from p5rec.blocks.pairs import ahead
from p5rec.blocks.scales import standard
from p5rec.contracts import Dataset, Queries, Responder
from p5rec.data.answers import NOTHING
from p5rec.data.ragged import Ragged
from p5rec.data.told import rarity, weighed
from p5rec.responders._summed import Summed
from p5rec.responders._whole import full, repeated

LAST = 5  # items of a history that are compared with a candidate, the latest ones
RARE = 10  # events; items with fewer are alike, since how few they are tells how a log was cut, not what is wanted
PLACES = 200  # of a ranking that are told apart; items behind them share the last
NEAR = 10  # items apart in a history: what further pairs say is little


@dataclass(frozen=True)
class Evidence:
    """Q queries with the items that compete in the second stage.

    Attributes:
        items: (Q, C) int64, `NOTHING` pads: the union of the best of each first stage.
        facts: (Q, C, F) float32, see `Knowledge.names`.
        mean: (Q, V) mean of the standardised scores of the first stages, -inf where nothing may be answered.
        z: (M, Q, V) these scores.
    """

    items: np.ndarray
    facts: np.ndarray
    mean: Tensor
    z: Tensor

    @property
    def pads(self) -> np.ndarray:
        """(Q, C) bool: no item stands there."""
        return self.items == NOTHING


class Knowledge:
    """First stages, and what training rows and the item table tell of items and histories.

    Attributes:
        inner: the first stages by name.
        depth: best items of each that compete.
        names: of the facts, F of them.
    """

    def __init__(self, inner: Mapping[str, Responder], dataset: Dataset, depth: int) -> None:
        self.inner, self.depth, self.count = dict(inner), depth, dataset.n_items
        row, item = dataset.history("train").flat()
        self.counts = np.bincount(item, minlength=self.count)
        later = ahead(row, item, self.count, NEAR, lambda distance: 1.0 / distance)
        self.later, self.earlier = later, sparse.csr_array(later.T)
        self.content = content(dataset)
        each = ("z", "gap", "place", "share")
        self.names = [f"{name} {what}" for name in self.inner for what in each]
        self.names += ["mean z", "best place", "votes", "popularity", "length", "history popularity"]
        self.names += ["followed last", "preceded last", "followed any"]
        self.names += ["like last", "like history", "likest"] if self.content is not None else []

    def of(self, queries: Queries) -> Evidence:
        """The evidence of some queries, whatever their candidates: the full catalogue competes."""
        z = torch.stack([standard(scores) for scores in self._said(queries)])
        mean = z.mean(0)
        top = z.topk(min(max(PLACES, self.depth), self.count))
        first = top.indices[..., : self.depth].transpose(0, 1).flatten(1)
        items = _union(torch.where(mean.gather(1, first).isfinite(), first, NOTHING))
        chosen = torch.from_numpy(np.maximum(items, 0))
        facts = [*self._scores(z, top.values, chosen), *self._items(items, queries), *self._pairs(items, queries)]
        return Evidence(items, np.stack(facts, axis=2, dtype=np.float32), mean, z)

    def _said(self, queries: Queries) -> list[Tensor]:
        """(Q, V) scores of each first stage; a sum of others is not asked, but added up."""
        sums = {name: one for name, one in self.inner.items() if isinstance(one, Summed) and self._is_over_others(one)}
        found = {name: full(one, queries) for name, one in self.inner.items() if name not in sums}
        found |= {name: one.summed(found.__getitem__, queries) for name, one in sums.items()}
        return [found[name] for name in self.inner]

    def _is_over_others(self, one: Summed) -> bool:
        """Whether all parts of a sum are first stages, and no sums themselves."""
        return all(self.inner.get(name) is part and not isinstance(part, Summed) for name, part in one.inner.items())

    def _scores(self, z: Tensor, top: Tensor, chosen: Tensor) -> list[np.ndarray]:
        """What the first stages, M of them, say of (Q, C) items: from z (M, Q, V), the best of which are `top`."""
        each, ranks, values = [], [], []
        for one, best in zip(z, top, strict=True):
            value = one.gather(1, chosen)
            rank = torch.searchsorted(best.neg(), value.neg(), right=True).float()
            share = value - one.logsumexp(1, keepdim=True)
            each += [value, value - one.amax(1, keepdim=True), rank.log(), share]
            ranks.append(rank)
            values.append(value)
        rank = torch.stack(ranks)
        joint = [torch.stack(values).mean(0), rank.amin(0).log(), (rank <= self.depth).sum(0)]
        return [np.nan_to_num(part.numpy(), neginf=-99.0) for part in (*each, *joint)]

    def _items(self, items: np.ndarray, queries: Queries) -> list[np.ndarray]:
        """What is known of the items alone, and of the users."""
        counts, shape = np.maximum(self.counts, RARE), items.shape
        row, past = queries.history.flat()
        lengths = np.maximum(queries.history.lengths, 1)
        liked = np.bincount(row, np.log1p(counts[past]), minlength=len(queries)) / lengths
        return [
            np.log1p(counts[np.maximum(items, 0)]),
            np.broadcast_to(np.log(lengths)[:, None], shape),
            np.broadcast_to(liked[:, None], shape),
        ]

    def _pairs(self, items: np.ndarray, queries: Queries) -> list[np.ndarray]:
        """How the items stand to the last ones of the history: together in other histories, and alike in content."""
        last = _latest(queries.history)  # (Q, LAST), latest first
        follows = np.stack([_of(self.later, last[:, n], items) for n in range(LAST)], axis=2)
        precedes = _of(self.earlier, last[:, 0], items)
        found = [np.log1p(follows[..., 0]), np.log1p(precedes), np.log1p(follows.sum(2))]
        if self.content is None:
            return found
        like = np.stack([self.content.alike(last[:, n], items) for n in range(LAST)], axis=2)
        known = np.maximum((last >= 0).sum(1), 1)[:, None]
        return [*found, like[..., 0], like.sum(2) / known, like.max(2)]


def _union(items: Tensor) -> np.ndarray:
    """(Q, N) items, some of them repeated → (Q, C) each once, rising, pads behind."""
    ordered = items.sort(dim=1).values
    gone = repeated(ordered) | (ordered < 0)
    order = gone.sort(dim=1, stable=True).indices
    width = max(int((~gone).sum(1).max()), 1) if len(items) else 1
    found: np.ndarray = ordered.masked_fill(gone, NOTHING).gather(1, order)[:, :width].numpy()
    return found


def _latest(history: Ragged) -> np.ndarray:
    """(Q, LAST) the last items, latest first, -1 behind a shorter history."""
    place = history.stops[:, None] - 1 - np.arange(LAST)
    there = place >= history.starts[:, None]
    return np.where(there, history.values[np.where(there, place, 0)] if len(history.values) else -1, -1).astype(
        np.int64
    )


def _of(table: sparse.csr_array, row: np.ndarray, items: np.ndarray) -> np.ndarray:
    """(Q, C) entries of a (V, V) table at (Q,) rows, 0 where there is none."""
    known = table[np.maximum(row, 0)].toarray() * (row >= 0)[:, None]
    return np.take_along_axis(known, np.maximum(items, 0), axis=1)


class Content:
    """What items are told in, levels and words, as rows of length 1 in which rare ones are louder.

    Attributes:
        table: (V, F).
    """

    def __init__(self, table: sparse.csr_array) -> None:
        self.table = table

    def alike(self, row: np.ndarray, items: np.ndarray) -> np.ndarray:
        """(Q, C) cosines of (Q,) items and (Q, C) candidates, 0 where either is unknown."""
        own = self.table[np.maximum(row, 0)].toarray() * (row >= 0)[:, None]
        chosen = self.table[np.maximum(items, 0).ravel()]
        cell = np.repeat(np.arange(items.size), np.diff(chosen.indptr))
        product = own[cell // max(items.shape[1], 1), chosen.indices] * chosen.data
        return np.bincount(cell, product, minlength=items.size).reshape(items.shape)


def content(dataset: Dataset) -> Content | None:
    """What items are told in; None where nothing is told."""
    table = dataset.told_items
    return Content(weighed(table, rarity(table, dataset.item_counts))) if table.nnz else None
