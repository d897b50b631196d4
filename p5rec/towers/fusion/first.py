"""The first part that is known stands for the item; the others stand in where it is missing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from p5rec.contracts import Fusion
from p5rec.core.config import Config


class First(Fusion):
    """The first modality of the page where it is known, else the sum of the known others.

    An item seen often is known best by its id, which short texts only blur (LOG.md); a new one has nothing else.
    The dropout of the id lets the others learn to stand in.
    """

    first_decides = True

    def __init__(self, config: Config, names: list[str], width: int) -> None:
        super().__init__()
        self.names = list(names)

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """(N, D)."""
        first, *others = self.names
        if not others:
            return parts[first]
        known = [torch.where(present[name].unsqueeze(1), parts[name], 0.0) for name in others]
        rest = torch.stack(known).sum(0)
        nothing = ~torch.stack([present[name] for name in self.names]).any(0)
        return torch.where((present[first] | nothing).unsqueeze(1), parts[first], rest)
