"""The tuned user and item bias: what a rating model has to beat (Koren, Bell and Volinsky, 2009)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GRID = tuple(float(strength) for strength in 0.25 * 2.0 ** np.arange(9))  # 0.25 … 64 events of shrinkage
SWEEPS = 30  # of alternating least squares; it converges in about ten


@dataclass(frozen=True)
class Biases:
    """Global mean, one number for each user and each item, and the range of the labels.

    Attributes:
        mean: of the training labels.
        users, items: (U,) and (V,) what each adds; 0 where nothing was seen.
        shrink: ridge strength of users and of items, in events.
        low, high: the least and the greatest training label; no prediction goes beyond.
        rmse: on the rows that chose `shrink`.
    """

    mean: float
    users: np.ndarray
    items: np.ndarray
    shrink: tuple[float, float]
    low: float
    high: float
    rmse: float = float("nan")

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """(N,) labels of pairs; users and items that are not known (negative or new numbers) add nothing."""
        return np.clip(self.mean + _of(self.users, users) + _of(self.items, items), self.low, self.high)


Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # users, items, labels: (N,) each


def fit(train: Rows, valid: Rows, grid: tuple[float, ...] = GRID) -> Biases:
    """Biases of training rows by ridge regression, both strengths chosen on validation rows by RMSE.

    Args:
        train, valid: users, items and labels, (N,) each.
        grid: the strengths to choose from, rising; in events (a strength of 4 halves the bias of who has 4 events).
    """
    found = [_tried(train, valid, (user, item)) for user in grid for item in grid]
    return min(found, key=lambda one: one.rmse)


def _tried(train: Rows, valid: Rows, shrink: tuple[float, float]) -> Biases:
    users, items, labels = valid
    found = solve(train, shrink)
    error = found.predict(users, items) - labels
    rmse = float(np.sqrt(np.mean(error**2))) if len(labels) else float("inf")
    return Biases(**{**vars(found), "rmse": rmse})


def solve(train: Rows, shrink: tuple[float, float]) -> Biases:
    """Least squares with ridge, by alternating between users and items."""
    users, items, labels = train
    labels = np.asarray(labels, dtype=np.float64)
    mean = float(labels.mean())
    of_users, of_items = np.zeros(int(users.max()) + 1), np.zeros(int(items.max()) + 1)
    for _ in range(SWEEPS):
        of_items = _ridge(items, labels - mean - of_users[users], len(of_items), shrink[1])
        before, of_users = of_users, _ridge(users, labels - mean - of_items[items], len(of_users), shrink[0])
        if np.abs(of_users - before).max(initial=0.0) < 1e-6:
            break
    return Biases(mean, of_users, of_items, shrink, float(labels.min()), float(labels.max()))


def _ridge(group: np.ndarray, rest: np.ndarray, count: int, strength: float) -> np.ndarray:
    """(count,) the shrunken mean of what is left in each group."""
    return np.bincount(group, rest, count) / (np.bincount(group, minlength=count) + strength)


def _of(biases: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """(N,) the bias of each number, 0 for those that are not known."""
    known = (numbers >= 0) & (numbers < len(biases))
    return np.where(known, biases[np.where(known, numbers, 0)], 0.0)
