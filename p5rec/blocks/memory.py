"""What a causal net keeps of what it has read, so that each further word costs one position only."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Memory:
    """Keys and values of each attention, and which of them may be looked at.

    Args:
        seen: (B, L) bool: places of the first things read that count; the others are padding, or come later.

    Attributes:
        seen: (B, L) bool: which of all things read so far count.
        other: what a net of another library keeps, in its own form.
    """

    other: Any = None

    def __init__(self, seen: Tensor) -> None:
        self._first, self.seen = seen, seen[:, :0]
        self._kept: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def grow(self, count: int) -> None:
        """Make `count` further places known; all count but those of the first reading that do not."""
        new = self._first if not self.seen.shape[1] else self._first.new_ones(len(self._first), count)
        self.seen = torch.cat([self.seen, new], dim=1)

    def take(self, part: nn.Module, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep (B, H, N, d) of one attention behind what it kept before; all of it so far (B, H, L, d)."""
        if part in self._kept:
            before = self._kept[part]
            key, value = torch.cat([before[0], key], dim=2), torch.cat([before[1], value], dim=2)
        self._kept[part] = key, value
        return key, value

    def visible(self, count: int) -> Tensor:
        """(B, N, L) what each of the last `count` things may look at: itself and what counts before it."""
        total = self.seen.shape[1]
        place = torch.arange(total, device=self.seen.device)
        own = place[total - count :].unsqueeze(1)
        return (place <= own) & self.seen.unsqueeze(1) | (place == own)
