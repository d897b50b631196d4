"""The plain sum of all parts."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from p5rec.contracts import Fusion
from p5rec.core.config import Config


class Sum(Fusion):
    """Adds the parts; the cheapest, and linear in each."""

    def __init__(self, config: Config, names: list[str], width: int) -> None:
        super().__init__()
        self.names = list(names)

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """(N, D)."""
        first, *others = (parts[name] for name in self.names)
        for part in others:
            first = first + part
        return first
