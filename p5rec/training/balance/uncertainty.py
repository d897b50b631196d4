"""Weights learned from how noisy each task is (Kendall, Gal & Cipolla 2018)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from p5rec.contracts import Balance
from p5rec.core.config import Config


class UncertaintyConfig(Config):
    """Settings of uncertainty."""

    most: float = Field(100.0, gt=1, description="a weight grows or shrinks by this factor at most")
    pace: float = Field(10.0, gt=0, description="the log-variances learn so many times as fast as the model")


class Uncertainty(nn.Module, Balance):
    """Σ weight · (exp(-s) · loss + s), where s is the learned logarithm of a task's variance.

    At its best s = log(loss), so each task comes to count weight / loss: those that are hopeless are not listened to.
    """

    Config = UncertaintyConfig

    def __init__(self, config: UncertaintyConfig, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.config, self.weights = config, dict(weights)
        # One scalar a task, so that the optimiser passes over those a step has no loss of; s is `pace` times it.
        self.logs = nn.ParameterList(torch.zeros(()) for _ in self.weights)

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[nn.Parameter]) -> None:
        """Leave the gradients of the sum in the parameters, and in the log-variances."""
        self._bound()
        known = dict(zip(self.weights, self.logs, strict=True))
        terms = []
        for name, loss in losses.items():
            log = self.config.pace * known[name]
            terms.append(self.weights[name] * ((-log).exp() * loss + log))
        torch.stack(terms).sum().backward()

    @torch.no_grad()
    def _bound(self) -> None:
        """Keep weights in range by moving them back, not by cutting their gradients, from where none could return."""
        limit = math.log(self.config.most) / self.config.pace
        for log in self.logs:
            log.clamp_(-limit, limit)

    def counted(self) -> dict[str, float]:
        """The weights of the losses as they are now."""
        factors = [math.exp(-self.config.pace * float(log.detach())) for log in self.logs]
        return {name: weight * factor for (name, weight), factor in zip(self.weights.items(), factors, strict=True)}
