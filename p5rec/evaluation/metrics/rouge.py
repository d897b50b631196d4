"""ROUGE (Lin, 2004): words, pairs of words, or the longest common subsequence shared with what was written."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from p5rec.contracts import Dataset, Metric, Texts, Truth
from p5rec.core.config import Config as Settings
from p5rec.core.errors import MissingExtra
from p5rec.evaluation.references import beside


class Rouge(Metric):
    """Mean F1 of overlap, in 0 … 100; lower case, letters a–z and digits only (other scripts count as nothing)."""

    judges = Texts
    bounds = (0.0, 100.0)

    class Config(Settings):
        """Settings of ROUGE."""

        kind: Literal["1", "2", "L"] = Field(
            "L", description="what is shared: words, pairs of words, or the longest common subsequence"
        )
        stem: bool = Field(False, description="count words of one stem as the same")

    config: Config

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        try:
            from rouge_score.rouge_scorer import RougeScorer
        except ImportError:
            raise MissingExtra("rouge-score", "text", "rouge") from None
        self.name = f"rouge{config.kind}"
        self.scorer = RougeScorer([self.name], use_stemmer=config.stem)

    def measure(self, answers: Texts, truth: Truth) -> np.ndarray:
        """(Q, 1)."""
        rows = [self.scorer.score(wanted, answer)[self.name] for answer, wanted in beside(answers, truth, "rouge")]
        return 100.0 * np.array([row.fmeasure for row in rows], dtype=np.float64)[:, None]
