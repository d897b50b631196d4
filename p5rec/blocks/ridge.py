"""Ridge regression on sparse rows, by conjugate gradients (Hestenes & Stiefel 1952)."""

from __future__ import annotations

import numpy as np
from scipy import sparse

PASSES = 60  # at most
ENOUGH = 1e-5  # what is left of the gradient, as a share of the first


def ridge(table: sparse.csr_array, wanted: np.ndarray, strength: float) -> np.ndarray:
    """(F, D) the weights that tell `wanted` (N, D) by rows (N, F) with the least squares + strength · |weights|².

    Each column of `wanted` is solved for itself, all at once.

    Args:
        table: the rows.
        wanted: what each row should tell.
        strength: of the pull towards 0, above 0.
    """
    left = table.T @ wanted
    weights, way, long = np.zeros_like(left), left.copy(), (left**2).sum(0)
    least = ENOUGH**2 * long
    for _ in range(PASSES):
        if (long <= least).all():
            break
        bent = table.T @ (table @ way) + strength * way
        step = long / np.maximum((way * bent).sum(0), np.finfo(long.dtype).tiny)
        weights += step * way
        left -= step * bent
        before, long = long, (left**2).sum(0)
        way = left + long / np.maximum(before, np.finfo(long.dtype).tiny) * way
    return weights
