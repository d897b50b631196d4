"""The main directions of a large table that is sparse, or a sum of sparse products.

Found by a random start (Halko, Martinsson & Tropp 2011).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

SWEEPS, SPARE = 8, 8  # of the search; directions more than wanted, that the last ones be true, too


def main_directions(
    table: sparse.csr_array | LinearOperator, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best approximation ``left * strength @ right.T`` of a table (N, M) by E = min(size, N, M) directions.

    Returns:
        left (N, E) and right (M, E), orthogonal columns of length 1, and strength (E,), falling.
    """
    size = min(size, *table.shape)
    start = rng.standard_normal((table.shape[1], min(size + SPARE, *table.shape))).astype(np.float32)
    base = _orthogonal(table.T @ (table @ start))
    for _ in range(SWEEPS):
        base = _orthogonal(table.T @ (table @ base))
    left, strength, turn = np.linalg.svd(table @ base, full_matrices=False)
    return left[:, :size], strength[:size], (base @ turn.T)[:, :size]


def _orthogonal(vectors: np.ndarray) -> np.ndarray:
    basis: np.ndarray = np.linalg.qr(vectors)[0]
    return basis
