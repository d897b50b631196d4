"""How often an estimate, rounded, is the label."""

from __future__ import annotations

import numpy as np

from p5rec.contracts import Metric, Numbers, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.pairs import aligned, sum_and_count


class Accuracy(Metric):
    """Share of pairs whose estimate, rounded to a whole number (halves up), is the label rounded alike."""

    class Config(Settings):
        """Accuracy has no settings."""

    judges = Numbers
    bounds = (0.0, 1.0)

    config: Config

    def measure(self, answers: Numbers, truth: Truth) -> np.ndarray:
        """(Q, 2) right pairs, and pairs."""
        estimate, label, row = aligned(answers, truth)
        right = np.floor(estimate + 0.5) == np.floor(label + 0.5)
        return sum_and_count(row, right.astype(np.float64), len(truth))

    def reduce(self, stats: np.ndarray) -> float:
        """Share over pairs."""
        return float(stats[:, 0].sum() / max(stats[:, 1].sum(), 1))
