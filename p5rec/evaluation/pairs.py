"""Estimates beside the labels they are of."""

from __future__ import annotations

import numpy as np

from p5rec.core.errors import InputError
from p5rec.data.answers import Numbers
from p5rec.data.queries import Truth
from p5rec.evaluation.places import per_query


def aligned(answers: Numbers, truth: Truth) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimates (T,), labels (T,) and queries (T,) of all pairs, float64.

    Raises:
        InputError: there are fewer estimates than pairs, or one is not a number.
    """
    row, label = truth.labels.flat()
    column = np.arange(len(row)) - np.repeat(
        np.cumsum(truth.labels.lengths) - truth.labels.lengths, truth.labels.lengths
    )
    if len(column) and column.max() >= answers.values.shape[1]:
        raise InputError(
            f"a query has {int(column.max()) + 1} labelled items but only {answers.values.shape[1]} estimates; "
            "estimates stand in the order of the candidates"
        )
    estimate = answers.values[row, column].astype(np.float64)
    if bad := int((~np.isfinite(estimate)).sum()):
        raise InputError(f"{bad} of {len(estimate)} estimates are not finite numbers; the model has diverged")
    return estimate, label.astype(np.float64), row


def sum_and_count(row: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """(Q, 2) sum of values and number of pairs of each query."""
    return np.stack([per_query(row, values, count), np.bincount(row, minlength=count)], axis=1)
