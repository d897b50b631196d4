"""Mean absolute error of estimated labels."""

from __future__ import annotations

import numpy as np

from p5rec.contracts import Metric, Numbers, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.pairs import aligned, sum_and_count


class Mae(Metric):
    """Mean absolute error over all pairs, on the scale of the labels."""

    class Config(Settings):
        """MAE has no settings."""

    judges = Numbers
    higher = False
    bounds = (0.0, float("inf"))

    config: Config

    def measure(self, answers: Numbers, truth: Truth) -> np.ndarray:
        """(Q, 2) sum of absolute errors, and pairs."""
        estimate, label, row = aligned(answers, truth)
        return sum_and_count(row, np.abs(estimate - label), len(truth))

    def reduce(self, stats: np.ndarray) -> float:
        """Mean over pairs."""
        return float(stats[:, 0].sum() / max(stats[:, 1].sum(), 1))
