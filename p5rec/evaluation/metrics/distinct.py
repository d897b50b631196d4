"""Distinct-n (Li et al., 2016): whether a model says many things, or one bland sentence to all."""

from __future__ import annotations

import hashlib
import re

import numpy as np
from pydantic import Field

from p5rec.contracts import Metric, Texts, Truth
from p5rec.core.config import Config as Settings

WORD = re.compile(r"\w+|[^\w\s]")
BITS = 52  # of the fingerprint of an n-gram, exact in float64; two of a million share one once in ten thousand corpora


class Distinct(Metric):
    """Different n-grams / all n-grams of all texts, in 0 … 1; no texts give 0. It never looks at the references.

    It falls with the number of texts, so only models that answered the same queries may be compared. A bootstrap
    would repeat texts and take that for blandness; `compare.resampled` draws random halves instead.
    """

    judges = Texts
    higher = None
    bounds = (0.0, 1.0)
    counts_distinct = True

    class Config(Settings):
        """Settings of distinct-n."""

        n: int = Field(2, ge=1, le=8, description="words of an n-gram")

    config: Config

    def measure(self, answers: Texts, truth: Truth) -> np.ndarray:
        """(Q, S) fingerprints of all n-grams of each text, NaN behind the last; S is that of the longest text."""
        rows = [_fingerprints(text, self.config.n) for text in answers.values]
        stats = np.full((len(rows), max((len(row) for row in rows), default=0)), np.nan)
        for place, row in enumerate(rows):
            stats[place, : len(row)] = row
        return stats

    def reduce(self, stats: np.ndarray) -> float:
        """Different / all."""
        said = stats[~np.isnan(stats)]
        return len(np.unique(said)) / max(len(said), 1)


def _fingerprints(text: str, n: int) -> list[int]:
    """A number for each n-gram, the same for ever."""
    words = WORD.findall(text.casefold())
    return [_number(" ".join(words[place : place + n])) for place in range(len(words) - n + 1)]


def _number(ngram: str) -> int:
    return int.from_bytes(hashlib.blake2b(ngram.encode(), digest_size=8).digest()) >> (64 - BITS)
