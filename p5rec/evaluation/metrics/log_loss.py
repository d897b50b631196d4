"""Log-loss of estimated probabilities (click, like)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.contracts import Metric, Numbers, Truth
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.evaluation.pairs import aligned, sum_and_count

SMALLEST = 1e-7  # probabilities are kept so far from 0 and 1, about the step of float32


class LogLoss(Metric):
    """Mean of -log p(what happened) over all pairs, in nats; ln 2 is a coin."""

    class Config(Settings):
        """Settings of log-loss."""

        positive: float = Field(1.0, description="labels of at least this are positive")
        logits: bool = Field(False, description="answers are logits rather than probabilities")

    judges = Numbers
    higher = False
    bounds = (0.0, float("inf"))

    config: Config

    def measure(self, answers: Numbers, truth: Truth) -> np.ndarray:
        """(Q, 2) sum of losses, and pairs.

        Raises:
            InputError: an answer is no probability.
        """
        estimate, label, row = aligned(answers, truth)
        happened = label >= self.config.positive
        chance = 1.0 / (1.0 + np.exp(-estimate)) if self.config.logits else estimate
        if len(chance) and not (chance.min() >= 0.0 and chance.max() <= 1.0):
            raise InputError(
                f"log_loss judges probabilities, found answers from {chance.min():.4g} to {chance.max():.4g}; "
                "say logits = true, or judge them by rmse"
            )
        chance = np.clip(np.where(happened, chance, 1.0 - chance), SMALLEST, 1.0 - SMALLEST)
        return sum_and_count(row, -np.log(chance), len(truth))

    def reduce(self, stats: np.ndarray) -> float:
        """Mean over pairs."""
        return float(stats[:, 0].sum() / max(stats[:, 1].sum(), 1))
