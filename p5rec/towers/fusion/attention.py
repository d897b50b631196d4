"""Attention over the parts: what is known of an item decides how much each of its parts counts."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor, nn

from p5rec.contracts import Fusion
from p5rec.core.config import Config


class AttentionConfig(Config):
    """Settings of the attention."""

    heads: int = Field(
        4,
        ge=1,
        description="heads, each of which weighs the parts for its share of the width; "
        "the nearest divisor of the width is taken, the smaller of two",
    )
    unknown: bool = Field(False, description="parts that are not known count with their learned vectors, too")


class Attention(Fusion):
    """Σ over the known parts, weighed by each head for its share of D; begins as their plain sum.

    The mean of the known parts asks, each part and its name answer (Vaswani et al., 2017, with values as they are).
    """

    Config = AttentionConfig

    def __init__(self, config: AttentionConfig, names: list[str], width: int) -> None:
        super().__init__()
        self.config, self.names, self.heads = config, list(names), nearest_divisor(width, config.heads)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.name = nn.Parameter(torch.randn(len(names), width) / width**0.5)
        nn.init.zeros_(self.query.weight)
        nn.init.zeros_(self.query.bias)

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """(N, D); where nothing is known, all parts count."""
        stacked = torch.stack([parts[name] for name in self.names], dim=1)
        known = torch.stack([present[name] for name in self.names], dim=1)
        counted = known | ~known.any(1, keepdim=True) | self.config.unknown
        mean = (stacked * counted.unsqueeze(-1)).sum(1) / counted.sum(1, keepdim=True)
        asked, told = self._split(self.query(mean).unsqueeze(1)), self._split(self.key(stacked + self.name))
        logits = (asked * told).sum(-1) / told.shape[-1] ** 0.5
        shares = logits.masked_fill(~counted.unsqueeze(-1), -torch.inf).softmax(dim=1)
        weights = shares * counted.sum(1).view(-1, 1, 1)
        fused: Tensor = (weights.unsqueeze(-1) * self._split(stacked)).sum(1)
        return fused.flatten(1)

    def _split(self, x: Tensor) -> Tensor:
        """(N, M, D) → (N, M, H, D / H)."""
        return x.unflatten(-1, (self.heads, -1))


def nearest_divisor(number: int, wanted: int) -> int:
    """The divisor of a number that is nearest to what is wanted, the smaller of two."""
    divisors = (one for one in range(1, number + 1) if number % one == 0)
    return min(divisors, key=lambda one: (abs(one - wanted), one))
