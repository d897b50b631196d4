"""Draws of items that stand in for the whole catalogue in a sampled loss."""

from __future__ import annotations

import torch
from torch import Tensor


class Negatives:
    """Draws items uniformly or by a power of their counts, and knows how likely each was.

    Args:
        weights: (V,) non-negative; items of weight 0 are never drawn.
        power: 0 draws all items of positive weight alike, 1 in proportion to the weights.
    """

    def __init__(self, weights: Tensor, power: float = 0.0) -> None:
        chances = torch.where(weights > 0, weights.double().clamp(min=1e-12) ** power, 0.0)
        self.chances = (chances / chances.sum()).float()
        self._steps = chances.cumsum(0) / chances.sum()
        self._open = None if power else torch.nonzero(weights > 0).squeeze(1)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Item numbers, with replacement."""
        if self._open is not None:
            return self._open[torch.randint(len(self._open), shape, generator=generator)]
        place = torch.rand(shape, generator=generator, dtype=torch.float64)
        return torch.searchsorted(self._steps, place).clamp(max=len(self._steps) - 1)

    def log_odds(self, items: Tensor) -> Tensor:
        """log of how much likelier each item is drawn than by a uniform draw, in the shape of `items`."""
        return (self.chances * len(self.chances)).clamp(min=1e-12).log()[items]
