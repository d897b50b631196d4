"""How far above or below the mean users and items are, shrunk where little is known of them."""

from __future__ import annotations

import torch
from torch import Tensor

ITEM, USER = 25.0, 10.0  # labels that pull towards 0 (Koren 2010, table 2, on the same form of bias)


def levels(users: Tensor, items: Tensor, labels: Tensor, n_users: int, n_items: int) -> tuple[Tensor, Tensor]:
    """Shrunken biases: of items, then of users in what items leave.

    Args:
        users, items: (N,) numbers.
        labels: (N,) with mean 0.
        n_users, n_items: U, V.

    Returns:
        (U,) and (V,), 0 for those without a label.
    """
    labels = labels.double()
    item = _shrunk(items, labels, n_items, ITEM)
    user = _shrunk(users, labels - item[items], n_users, USER)
    return user.float(), item.float()


def _shrunk(groups: Tensor, values: Tensor, count: int, pull: float) -> Tensor:
    total = torch.zeros(count, dtype=torch.float64).index_add_(0, groups, values)
    return total / (torch.bincount(groups, minlength=count) + pull)
