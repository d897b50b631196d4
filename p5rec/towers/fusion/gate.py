"""Each part is weighed by a gate that looks at all of them and at what is known."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor, nn

from p5rec.contracts import Fusion
from p5rec.core.config import Config


class GateConfig(Config):
    """Settings of the gate."""

    hidden: int = Field(32, ge=1, description="width of the hidden layer that looks at all parts")


class Gate(Fusion):
    """Σ gate · part, a gate in 0 … M for each part and row; all begin at 1, which is the plain sum."""

    Config = GateConfig

    def __init__(self, config: GateConfig, names: list[str], width: int) -> None:
        super().__init__()
        self.names = list(names)
        self.inward = nn.Linear(len(names) * (width + 1), config.hidden)
        self.outward = nn.Linear(config.hidden, len(names))
        nn.init.zeros_(self.outward.weight)
        nn.init.zeros_(self.outward.bias)

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """(N, D)."""
        stacked = torch.stack([parts[name] for name in self.names], dim=1)
        known = torch.stack([present[name] for name in self.names], dim=1).to(stacked.dtype)
        seen = torch.cat([stacked.flatten(1), known], dim=1)
        gates = self.outward(torch.relu(self.inward(seen))).softmax(dim=1) * len(self.names)
        fused: Tensor = (stacked * gates.unsqueeze(-1)).sum(1)
        return fused
