"""Counts of pairs in histories: which item stands how far behind which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

CHUNK = 4_000_000  # pairs counted at once, bounds the memory


def ahead(
    row: np.ndarray, item: np.ndarray, size: int, window: int, weight: Callable[[int], float]
) -> sparse.csr_array:
    """Sum over all pairs "j stands d places behind i in one row" of weight(d).

    Args:
        row: (N,) row numbers, rows one after the other.
        item: (N,) item of each place.
        size: V, number of items.
        window: pairs further apart are not counted.
        weight: distance 1 … `window` → what a pair counts.

    Returns:
        (V, V) float32, entry (i, j).
    """
    longest = int(np.bincount(row).max(initial=1)) if len(row) else 1
    found: Any = sparse.csr_array((size, size), dtype=np.float32)
    held: list[tuple[np.ndarray, ...]] = []
    for distance in range(1, min(window, longest - 1) + 1):
        same = np.flatnonzero(row[:-distance] == row[distance:])
        for part in np.array_split(same, len(same) // CHUNK + 1):
            held.append((item[part], item[part + distance], np.full(len(part), weight(distance), dtype=np.float32)))
            if sum(len(first) for first, _, _ in held) >= CHUNK:
                found, held = _added(found, held), []
    return _added(found, held)


def association(pairs: sparse.csr_array, smooth: float) -> sparse.csr_array:
    """Positive pointwise mutual information of counted pairs: how much more often than by chance, as a logarithm.

    Args:
        pairs: (V, V) counts, above 0 where they are stored.
        smooth: exponent of the counts of the second of a pair, 0 … 1; below 1 rare ones are not made too much of
            (Levy, Goldberg & Dagan 2015).

    Returns:
        (V, V) float32, nothing where a pair is rarer than by chance, nor of an item with itself.
    """
    table = sparse.coo_array(pairs)
    first, second = np.asarray(pairs.sum(1)).ravel(), np.asarray(pairs.sum(0)).ravel() ** smooth
    row, column = table.coords
    told = np.log(table.data * second.sum() / (first[row] * second[column]))
    kept = (told > 0) & (row != column)
    return sparse.csr_array((told[kept].astype(np.float32), (row[kept], column[kept])), shape=pairs.shape)


def _added(found: Any, held: list[tuple[np.ndarray, ...]]) -> sparse.csr_array:
    """The sum with further pairs."""
    if not held:
        return found
    first, second, counts = (np.concatenate(part) for part in zip(*held, strict=True))
    return sparse.csr_array(found + sparse.csr_array((counts, (first, second)), shape=found.shape))
