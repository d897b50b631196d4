"""BLEU (Papineni et al., 2002) of a whole corpus, as sacrebleu counts it (Post, 2018)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.contracts import Dataset, Metric, Texts, Truth
from p5rec.core.config import Config as Settings
from p5rec.core.errors import MissingExtra
from p5rec.evaluation.references import beside


class Bleu(Metric):
    """Corpus BLEU up to n-grams on sacrebleu's scale 0 … 100: mixed case, tokens of 13a, exponential smoothing.

    It is no mean of sentences: matches, n-grams and lengths are summed over all texts first, so the bootstrap draws
    texts and takes BLEU of what it drew.
    """

    judges = Texts
    bounds = (0.0, 100.0)

    class Config(Settings):
        """Settings of BLEU."""

        n: int = Field(4, ge=1, le=8, description="the longest n-grams that count")

    config: Config

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        try:
            from sacrebleu.metrics.bleu import BLEU
        except ImportError:
            raise MissingExtra("sacrebleu", "text", "bleu") from None
        self.library = BLEU
        self.scorer = BLEU(max_ngram_order=config.n, effective_order=True)  # of a sentence; its score is not used

    def measure(self, answers: Texts, truth: Truth) -> np.ndarray:
        """(Q, 2 + 2n) length of answer and reference, matches of each order, n-grams of each order."""
        rows = [self._counts(answer, wanted) for answer, wanted in beside(answers, truth, "bleu")]
        return np.array(rows, dtype=np.int64).reshape(len(rows), 2 + 2 * self.config.n)

    def _counts(self, answer: str, wanted: str) -> list[int]:
        one = self.scorer.sentence_score(answer, [wanted])
        return [one.sys_len, one.ref_len, *one.counts, *one.totals]

    def reduce(self, stats: np.ndarray) -> float:
        """BLEU of the summed counts."""
        answered, wanted, *counts = stats.sum(0).astype(int).tolist()
        n = self.config.n
        score = self.library.compute_bleu(counts[:n], counts[n:], answered, wanted, "exp", max_ngram_order=n)
        return float(score.score)
