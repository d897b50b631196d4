"""Items as vectors whose dot product says how alike they are: by their categories, or by who took them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import sparse

from p5rec.core import seed as seeds
from p5rec.core.errors import InputError
from p5rec.data.dataset import Dataset
from p5rec.data.features import Column, Kind
from p5rec.data.ragged import Ragged

WIDTH = 256  # members of a set beyond which it is projected


def item_vectors(dataset: Dataset, by: Literal["auto", "features", "users"] = "auto") -> np.ndarray:
    """(V, D ≤ 256) float32 of length 1; an item of which nothing is known is 0 and unlike all others.

    Raises:
        InputError: `by` is ``features`` and the items have no category or list column.
    """
    columns = dataset.item_features.of_kind(Kind.CATEGORY, Kind.LIST)
    if by == "features" and not columns:
        raise InputError("items have no category or list column to tell them apart by; say by = 'users'")
    if columns and by != "users":
        sets = sparse.hstack([_levels(column) for column in columns.values()], format="csr")
    else:
        sets = _takers(dataset)
    return _of_length_one(_narrow(sets))


def _levels(column: Column) -> sparse.csr_matrix:
    """(V, levels) 1 where an item has a level."""
    if isinstance(column.values, Ragged):
        row, level = column.values.flat()
    else:
        row, level = np.arange(len(column.values)), column.values
    return _ones(row[level >= 0], level[level >= 0], (len(column), max(len(column.levels), 1)))


def _takers(dataset: Dataset) -> sparse.csr_matrix:
    """(V, U) 1 where a user took an item in training."""
    user, item = dataset.history("train").flat()
    return _ones(item, user, (dataset.n_items, max(dataset.n_users, 1)))


def _ones(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix((np.ones(len(row), dtype=np.float32), (row, column)), shape=shape)
    matrix.data[:] = 1.0
    return matrix


def _narrow(sets: sparse.csr_matrix) -> np.ndarray:
    """Dense, projected by seeded random signs where there are more than `WIDTH` columns."""
    if sets.shape[1] <= WIDTH:
        return sets.toarray()
    signs = seeds.rng(0, "likeness").choice(np.array([-1.0, 1.0], dtype=np.float32), (sets.shape[1], WIDTH))
    lengths = np.sqrt(sets.multiply(sets).sum(1)).A1
    scaled = sparse.diags(np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)) @ sets
    return np.asarray(scaled @ signs, dtype=np.float32) / np.float32(WIDTH**0.5)


def _of_length_one(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
