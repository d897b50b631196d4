"""Gradient surgery: tasks do not pull against each other (PCGrad; Yu et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from p5rec.contracts import Balance
from p5rec.core.config import Config

Gradient = Sequence[Tensor | None]  # of each parameter; None where the loss does not depend on it


class Pcgrad(Balance):
    """Where the gradient of a task points against another's, the part along that other is taken away; then the sum.

    Only parameters that several losses depend on matter here; those of one task get its plain gradient. Each
    projection is a combination of the gradients there were, so T × T inner products decide all of them, and the result
    is a sum of losses with weights of its own for each step.
    """

    together = True

    def __init__(self, config: Config, weights: Mapping[str, float]) -> None:
        self.weights = dict(weights)
        self._counted: dict[str, float] = {}

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[nn.Parameter]) -> None:
        """Leave the sum of the projected gradients in the parameters.

        The order of projections is drawn by torch's global generator, which training seeds before each step.
        """
        weighted = {name: self.weights.get(name, 1.0) * loss for name, loss in losses.items() if loss.requires_grad}
        gradients = [
            torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True) for loss in weighted.values()
        ]
        counts = projected(products(gradients)).sum(0)
        self._counted = {
            name: self.weights.get(name, 1.0) * float(count) for name, count in zip(weighted, counts, strict=True)
        }
        for place, parameter in enumerate(parameters):
            parameter.grad = _mixed([gradient[place] for gradient in gradients], counts)

    def counted(self) -> dict[str, float]:
        """The weight of each loss in the last step."""
        return self._counted


def products(gradients: Sequence[Gradient]) -> Tensor:
    """(T, T) inner products of the gradients of T losses over the parameters that several depend on, float64."""
    shared = [sum(part is not None for part in parts) > 1 for parts in zip(*gradients, strict=True)]
    gram = torch.zeros(len(gradients), len(gradients), dtype=torch.float64)
    for i, one in enumerate(gradients):
        for j, other in enumerate(gradients[: i + 1]):
            known = zip(one, other, shared, strict=True)
            pairs = [(a, b) for a, b, several in known if several and a is not None and b is not None]
            gram[i, j] = gram[j, i] = sum(float((a * b).sum()) for a, b in pairs)
    return gram


def projected(gram: Tensor) -> Tensor:
    """(T, T) coefficients: row i is the projected gradient of loss i as a combination of the gradients there were."""
    rows = torch.eye(len(gram), dtype=gram.dtype)
    for i, row in enumerate(rows):
        for j in torch.randperm(len(gram)).tolist():
            along = row @ gram[:, j]
            if j != i and along < 0:
                row[j] -= along / gram[j, j]
    return rows


def _mixed(parts: Gradient, counts: Tensor) -> Tensor | None:
    """The gradient of one parameter."""
    known = [(part, float(count)) for part, count in zip(parts, counts, strict=True) if part is not None]
    if len(known) < 2:
        return known[0][0] if known else None
    return torch.stack([part * count for part, count in known]).sum(0)
