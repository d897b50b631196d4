"""How far above or below the mean users and items are, shrunk where little is known of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SWEEPS = 30  # over users and items; by then strengths move by less than a hundredth
LEAST = 0.1  # labels; where nothing is left to chance, too, one label is not all


@dataclass(frozen=True)
class Levels:
    """What users and items add to a mean of 0.

    Attributes:
        users, items: (U,) and (V,), 0 for those without a label.
        pull: labels that pull a user, and an item, towards 0.
    """

    users: Tensor
    items: Tensor
    pull: tuple[float, float]


def levels(users: Tensor, items: Tensor, labels: Tensor, n_users: int, n_items: int) -> Levels:
    """Random effects of users and items on labels (N,) with mean 0, by ridge regression.

    How far users, items and labels spread, and so the strengths of the ridge, is estimated from the same labels by
    expectation and maximization (Searle, Casella and McCulloch 1992, chapter 8): no row is held out for them.
    """
    labels = labels.double()
    sides = (users, n_users), (items, n_items)
    counts = [torch.bincount(rows, minlength=count).double() for rows, count in sides]
    found = [torch.zeros(count, dtype=torch.float64) for _, count in sides]
    pull = [10.0, 10.0]
    for _ in range(SWEEPS if len(labels) else 0):
        for side, (rows, count) in enumerate(sides):
            other = found[1 - side][sides[1 - side][0]]
            total = torch.zeros(count, dtype=torch.float64).index_add_(0, rows, labels - other)
            found[side] = total / (counts[side] + pull[side])
        left = float((labels * (labels - found[0][users] - found[1][items])).mean())
        for side, here in enumerate(counts):
            spread = found[side].square() + left / (here + pull[side])
            pull[side] = max(left / max(float(spread[here > 0].mean()), 1e-9), LEAST)
    return Levels(found[0].float(), found[1].float(), (pull[0], pull[1]))
