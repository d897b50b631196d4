"""Exact match: whether the text is just what was written (yes or no, a sentiment, a short label)."""

from __future__ import annotations

import re
import unicodedata

import numpy as np

from p5rec.contracts import Metric, Texts, Truth
from p5rec.core.config import Config as Settings
from p5rec.evaluation.references import beside

MARKS = re.compile(r"[\W_]+")


class Exact(Metric):
    """Share of texts equal to their reference but for case, punctuation, spaces and forms of one letter; in 0 … 1."""

    judges = Texts
    bounds = (0.0, 1.0)

    class Config(Settings):
        """Exact match has no settings."""

    config: Config

    def measure(self, answers: Texts, truth: Truth) -> np.ndarray:
        """(Q, 1) 1 where they are equal."""
        pairs = beside(answers, truth, "exact")
        return np.array([plain(answer) == plain(wanted) for answer, wanted in pairs], dtype=np.float64)[:, None]


def plain(text: str) -> str:
    """``" Yes! "`` as ``"yes"``; a text of marks only stays as it is."""
    text = unicodedata.normalize("NFKC", text).casefold().strip()
    return MARKS.sub(" ", text).strip() or text
