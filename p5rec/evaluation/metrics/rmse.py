"""Root mean squared error of estimated labels."""

from __future__ import annotations

import numpy as np

from p5rec.contracts import Metric, Numbers, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.pairs import aligned, sum_and_count


class Rmse(Metric):
    """Root of the mean squared error over all pairs, on the scale of the labels; the bootstrap resamples users."""

    class Config(Settings):
        """RMSE has no settings."""

    judges = Numbers
    higher = False
    bounds = (0.0, float("inf"))

    config: Config

    def measure(self, answers: Numbers, truth: Truth) -> np.ndarray:
        """(Q, 2) sum of squared errors, and pairs."""
        estimate, label, row = aligned(answers, truth)
        return sum_and_count(row, (estimate - label) ** 2, len(truth))

    def reduce(self, stats: np.ndarray) -> float:
        """Root of the mean over pairs."""
        return float(np.sqrt(stats[:, 0].sum() / max(stats[:, 1].sum(), 1)))
