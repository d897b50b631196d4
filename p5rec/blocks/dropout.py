"""Dropout whose random numbers cost little: one byte a number instead of a draw."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 256


class Dropout(nn.Module):
    """Sets a share of all numbers to 0 in training and scales the others up.

    On a CPU the draws of ``nn.Dropout`` take as long as the matrix products around it; here eight places share one
    draw of 64 bits. The share is rounded to 1 / 256.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self._cut = round(share * LEVELS)

    def forward(self, x: Tensor) -> Tensor:
        """(…) → (…)."""
        if not self.training or not self._cut:
            return x
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        kept = (words.view(torch.uint8)[: x.numel()] >= self._cut).view(x.shape)
        return x * kept.to(x.dtype).mul_(LEVELS / (LEVELS - self._cut))

    def extra_repr(self) -> str:
        """Shown when a model is printed."""
        return f"share={self.share}"
