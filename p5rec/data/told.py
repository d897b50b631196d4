"""What items are told in, words and categories, as rows of a sparse table in which rare ones are louder (TF-IDF)."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged

KINDS = (Kind.TEXT, Kind.CATEGORY, Kind.LIST)
NONE = np.zeros(0, dtype=np.int64)


def told(features: Features) -> sparse.csr_array:
    """(V, F) float32, 1 where a word or category occurs in an item: the words, then the first levels of all columns,
    the second ones and so on, so that levels which come later stand behind all old ones.
    """
    columns = features.of_kind(*KINDS)
    texts = [] if features.words is None else [one for one in columns.values() if one.kind == Kind.TEXT]
    listed = [column for column in columns.values() if column.kind != Kind.TEXT]
    words = features.words.size if features.words is not None and texts else 0
    parts = [(NONE, NONE)]
    for column in texts:
        assert features.words is not None
        parts.append(features.words.encode(list(np.asarray(column.values))).flat())
    for place, column in enumerate(listed):
        row, level = _levels(column)
        parts.append((row, words + level * len(listed) + place))
    width = words + len(listed) * max((len(one.levels) for one in listed), default=0)
    row, feature = (np.concatenate(some) for some in zip(*parts, strict=True))
    table = sparse.csr_array((np.ones(len(row), np.float32), (row, feature)), shape=(features.count, max(width, 1)))
    table.sum_duplicates()
    table.data[:] = 1
    return table


def rarity(table: sparse.csr_array, counts: np.ndarray) -> np.ndarray:
    """(F,) float32 logarithm of how seldom each column is among items of `counts` (V,) above 0; 0 where it never is."""
    trained = np.flatnonzero(counts)
    times = np.asarray(table[trained].sum(0)).ravel()
    rare: np.ndarray = np.log(max(len(trained), 1) / np.maximum(times, 1)) * (times > 0)
    return rare.astype(np.float32)


def weighed(table: sparse.csr_array, rare: np.ndarray) -> sparse.csr_array:
    """(V, F) rows times (F,) `rare`, of length 1, or 0 where nothing rare is told."""
    found = sparse.csr_array(table.multiply(rare[None, :]))
    found.eliminate_zeros()
    length = np.sqrt(np.asarray(found.multiply(found).sum(1)).ravel())
    found.data /= np.repeat(np.maximum(length, 1e-9), np.diff(found.indptr)).astype(np.float32)
    return found


def _levels(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Rows and levels of those that are there."""
    if isinstance(column.values, Ragged):
        row, level = column.values.flat()
    else:
        row, level = np.arange(len(column.values)), np.asarray(column.values)
    return row[level >= 0], level[level >= 0].astype(np.int64)
