"""What each ask may look at, as weighted lists of items: the state of models without parameters of time."""

from __future__ import annotations

import torch
from torch import Tensor

from p5rec.blocks.stream import Kind, Stream


def past(stream: Stream) -> tuple[Tensor, Tensor]:
    """The items that stand before each ask, and how long ago.

    Returns:
        Items (B, A, L) int64, -1 where nothing is known or allowed to be seen, and their ages (B, A, L) int64:
        0 is the item nearest before the ask, 1 the one before it; negative where there is none.
    """
    item = stream.kinds == Kind.ITEM
    ordinal = item.cumsum(1)
    before = ordinal - item.long()
    seen = before.gather(1, stream.asks.clamp(min=0))
    ages = seen.unsqueeze(2) - ordinal.unsqueeze(1)
    ages = ages.masked_fill(~item.unsqueeze(1), -1)
    items = stream.values.unsqueeze(1).expand_as(ages).masked_fill(ages < 0, -1)
    return items, ages


def decayed(items: Tensor, ages: Tensor, power: float) -> Tensor:
    """Weights (age + 1) ** -power, 0 where there is no item; 0 weighs all alike."""
    weights = (ages.clamp(min=0) + 1.0) ** -power
    return torch.where(items >= 0, weights, weights.new_zeros(()))
