"""Stars of a review from its words alone: TF-IDF and ridge regression, what a language model has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from p5rec.core.errors import MissingExtra

GRID = tuple(float(alpha) for alpha in 0.0625 * 2.0 ** np.arange(9))  # 0.0625 … 16


@dataclass(frozen=True)
class Stars:
    """Words, and what each adds to the stars.

    Attributes:
        vectors, regression: the fitted parts of scikit-learn.
        alpha: strength of the ridge.
        low, high: the least and the greatest training label; no prediction goes beyond.
        rmse: on the rows that chose `alpha`.
    """

    vectors: Any = field(repr=False)
    regression: Any = field(repr=False)
    alpha: float
    low: float
    high: float
    rmse: float = float("nan")

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """(N,) stars."""
        return self._stars(self.vectors.transform(texts))

    def _stars(self, vectors: Any) -> np.ndarray:
        return np.clip(self.regression.predict(vectors), self.low, self.high)


def fit(
    texts: Sequence[str],
    labels: np.ndarray,
    valid_texts: Sequence[str],
    valid_labels: np.ndarray,
    grid: tuple[float, ...] = GRID,
) -> Stars:
    """Words and pairs of words of training reviews, the ridge chosen on validation reviews by RMSE.

    Args:
        texts, labels: of training reviews, (N,) each; a headline stands before its text.
        valid_texts, valid_labels: of validation reviews.
        grid: strengths to choose from.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import Ridge
    except ImportError:
        raise MissingExtra("scikit-learn", "text", "the baseline of stars from words") from None
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    known, asked = vectors.fit_transform(texts), vectors.transform(valid_texts)
    low, high = float(np.min(labels)), float(np.max(labels))
    found = []
    for alpha in grid:
        one = Stars(vectors, Ridge(alpha, solver="sparse_cg", tol=1e-4).fit(known, labels), alpha, low, high)
        found.append(replace(one, rmse=float(np.sqrt(np.mean((one._stars(asked) - valid_labels) ** 2)))))
    return min(found, key=lambda one: one.rmse)
