"""The weighted sum of the losses, weights as the page gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from p5rec.contracts import Balance
from p5rec.core.config import Config


class Fixed(Balance):
    """Σ weight · loss; a task the page gives no weight counts 1."""

    def __init__(self, config: Config, weights: Mapping[str, float]) -> None:
        self.weights = dict(weights)

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[nn.Parameter]) -> None:
        """Leave the gradients of the sum in the parameters."""
        total = torch.stack([self.weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()
        total.backward()
