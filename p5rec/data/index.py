"""Finding the nearest of many vectors."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from p5rec.core.plugins import Plug


class Index(Plug):
    """Finds the nearest of many vectors by dot product. Built as ``Index(config)``."""

    @abstractmethod
    def build(self, vectors: np.ndarray) -> None:
        """Take (V, D) float32 vectors, row n is item n."""

    @abstractmethod
    def add(self, vectors: np.ndarray) -> None:
        """Append rows."""

    @abstractmethod
    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """(Q, D) → item numbers (Q, k) and scores (Q, k), best first."""


class Indexed:
    """Mix-in of a responder that looks items up: `config.index` names the index, its builder hands it in, empty.

    Attributes:
        index: None: it does without.
    """

    index: Index | None = None
