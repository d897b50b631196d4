"""Choosing a handful of numbers by trial: coordinate searches, deterministic and without gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

FACTORS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.1, 1.33, 2.0, 4.0)  # a weight is tried at these multiples
GAIN = 1e-6  # a step that gains less is no step
LOUD = 5.0  # what one weight is worth against the others where a search starts from it


def climb(value: Callable[[np.ndarray], float], count: int) -> tuple[float, np.ndarray]:
    """The highest value found and its weights (count,), summing to 1; starts from equal ones and each one loud."""
    starts = [np.ones(count), *(1.0 + (LOUD - 1.0) * np.eye(count))] if count > 1 else [np.ones(1)]
    return max((ascend(value, start / start.sum()) for start in starts), key=lambda found: found[0])


def ascend(value: Callable[[np.ndarray], float], weights: np.ndarray) -> tuple[float, np.ndarray]:
    """The highest value found from one start, and its weights; they sum to 1 once a step was taken."""
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


def turn(
    value: Callable[[Mapping[str, float]], float],
    start: Mapping[str, float],
    choices: Mapping[str, Sequence[float]],
    gain: float = 0.01,
) -> dict[str, float]:
    """Try the choices of one dial after the other, once, and keep what is better by the share `gain`.

    Args:
        value: settings of all dials → what is to be high.
        start: a setting of every dial; returned where nothing is better.
        choices: settings to try of some dials.
    """
    best, dials = value(start), dict(start)
    for name, tries in choices.items():
        found = {setting: value({**dials, name: setting}) for setting in tries if setting != dials[name]}
        setting = max(found, key=lambda one: found[one], default=dials[name])
        if found and found[setting] > best * (1 + gain):
            best, dials = found[setting], {**dials, name: setting}
    return dials
