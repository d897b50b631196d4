"""All parts side by side through one linear map."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from p5rec.contracts import Fusion
from p5rec.core.config import Config


class Concat(Fusion):
    """(M · D) → D; begins as the plain sum."""

    def __init__(self, config: Config, names: list[str], width: int) -> None:
        super().__init__()
        self.names = list(names)
        self.mix = nn.Linear(len(names) * width, width)
        with torch.no_grad():
            self.mix.weight.copy_(torch.eye(width).repeat(1, len(names)))
            self.mix.bias.zero_()

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """(N, D)."""
        mixed: Tensor = self.mix(torch.cat([parts[name] for name in self.names], dim=1))
        return mixed
