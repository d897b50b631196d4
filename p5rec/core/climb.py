"""Choosing a handful of weights by trial: a coordinate search, deterministic and without gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

FACTORS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.1, 1.33, 2.0, 4.0)  # a weight is tried at these multiples
GAIN = 1e-6  # a step that gains less is no step
LOUD = 5.0  # what one weight is worth against the others where a search starts from it


def climb(value: Callable[[np.ndarray], float], count: int) -> tuple[float, np.ndarray]:
    """The highest value found and its weights (count,), summing to 1; starts from equal ones and each one loud."""
    starts = [np.ones(count), *(1.0 + (LOUD - 1.0) * np.eye(count))] if count > 1 else [np.ones(1)]
    return max((_ascend(value, start / start.sum()) for start in starts), key=lambda found: found[0])


def _ascend(value: Callable[[np.ndarray], float], weights: np.ndarray) -> tuple[float, np.ndarray]:
    best, moved = value(weights), len(weights) > 1
    while moved:
        moved = False
        for part in range(len(weights)):
            for tried in _moves(weights, part):
                if (found := value(tried)) > best + GAIN:
                    best, weights, moved = found, tried, True
    return best, weights


def _moves(weights: np.ndarray, part: int) -> list[np.ndarray]:
    """The weights with one of them multiplied, each normalised again."""
    tried = [weights * np.where(np.arange(len(weights)) == part, factor, 1.0) for factor in FACTORS]
    return [one / one.sum() for one in tried if one.sum() > 0]
