"""A moving average of weights, which often ranks better than the last ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Keeps an exponential moving average of the open parameters of a model.

    Args:
        model: whose parameters are followed.
        share: of the old average that stays in a step; less in the first steps, which forgets the start sooner.
    """

    def __init__(self, model: nn.Module, share: float) -> None:
        self.share = share
        self._model = model
        self.weights = {name: parameter.detach().clone() for name, parameter in _open(model)}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After step 0, 1, 2 …"""
        share = min(self.share, (1 + step) / (10 + step))
        parameters = [parameter.detach() for _, parameter in _open(self._model)]
        torch._foreach_lerp_(list(self.weights.values()), parameters, 1 - share)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """A block in which the model holds the average."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in _open(self._model):
            other: Tensor = self.weights[name]
            kept = parameter.detach().clone()
            parameter.copy_(other)
            other.copy_(kept)


def _open(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
