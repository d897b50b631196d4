"""Approximate search with faiss: vectors stand in lists around centres, and only the nearest lists are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from p5rec import contracts
from p5rec.core import config as configs
from p5rec.core.errors import MissingExtra

DRAWN = 256  # stand-ins for queries, by which recall is measured
DEPTH = 10  # places of a list that count
POINTS = 64  # vectors a centre is fitted to; more make it hardly better
ROUNDS = 8  # of k-means


class Faiss(contracts.Index):
    """Inverted lists of whole vectors (IVF-flat), by dot product (Jégou, Douze & Schmid 2011).

    It asks itself how many lists must be looked at: queries that lie between two random vectors must find the stated
    share of their best ten. Few vectors are searched exactly, and so are those of which half the lists would not do.
    Rows that join go to the lists there are: when most have come since, build anew.

    Attributes:
        measured: the recall of its own queries, 0 … 1; 1 where the search is exact.
    """

    class Config(configs.Config):
        """Settings of the index."""

        recall: float = Field(0.97, gt=0, le=1, description="share of the ten best that must be found, measured")
        exact_below: int = Field(20_000, ge=1, description="so few vectors are searched exactly")
        lists: int = Field(0, ge=0, description="lists of vectors; 0: four times the root of how many there are")

    def __init__(self, config: Config) -> None:
        self._config, self._faiss = config, _package()
        self._index: Any = None
        self.measured = 1.0

    def build(self, vectors: np.ndarray) -> None:
        """Keep a copy; centres are fitted to a sample of the vectors, always the same one.

        Raises:
            ValueError: they are not (V, D).
        """
        vectors = _checked(vectors)
        if len(vectors) < self._config.exact_below or not self._listed(vectors):
            self._index, self.measured = self._faiss.IndexFlatIP(vectors.shape[1]), 1.0
            self._index.add(vectors)

    def _listed(self, vectors: np.ndarray) -> bool:
        """Put (V, D) vectors into lists; whether a part of the lists is enough."""
        width, lists = vectors.shape[1], min(self._config.lists or 4 * int(len(vectors) ** 0.5), len(vectors))
        self._centres = self._faiss.IndexFlatIP(width)  # faiss keeps no reference of its own
        self._index = self._faiss.IndexIVFFlat(self._centres, width, lists, self._faiss.METRIC_INNER_PRODUCT)
        self._index.cp.niter, self._index.cp.max_points_per_centroid = ROUNDS, POINTS
        self._index.train(vectors)
        self._index.add(vectors)
        return self._looks_far_enough(vectors)

    def add(self, vectors: np.ndarray) -> None:
        """Append; numbers go on where they ended.

        Raises:
            ValueError: they are not as wide as the others.
        """
        vectors = _checked(vectors)
        if self._index is None:
            self.build(vectors)
            return
        if vectors.shape[1] != self._index.d:
            raise ValueError(f"found vectors of width {vectors.shape[1]}, the index has {self._index.d}")
        self._index.add(vectors)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Items (Q, min(k, V)) and scores, best first; rows whose lists hold fewer than k look at all of them."""
        queries = _checked(queries)
        if self._index is None:
            return np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
        k = min(k, self._index.ntotal)
        scores, items = self._index.search(queries, k)
        if len(few := np.flatnonzero((items < 0).any(1))):
            every = self._faiss.SearchParametersIVF(nprobe=self._index.nlist)
            scores[few], items[few] = self._index.search(queries[few], k, params=every)
        return items, scores

    def _looks_far_enough(self, vectors: np.ndarray) -> bool:
        """Look at twice as many lists until enough of the best are found, and say whether half of them will do."""
        rng = np.random.default_rng(0)
        one, other = rng.integers(len(vectors), size=(2, DRAWN))
        asked = vectors[one] + vectors[other]
        exact = self._faiss.IndexFlatIP(vectors.shape[1])
        exact.add(vectors)
        right = exact.search(asked, DEPTH)[1]
        self._index.nprobe = 1
        while (share := _shared(self._index.search(asked, DEPTH)[1], right)) < self._config.recall:
            if 4 * self._index.nprobe > self._index.nlist:
                return False
            self._index.nprobe *= 2
        self.measured = share
        return True


def _shared(found: np.ndarray, right: np.ndarray) -> float:
    """Share of the right items (Q, K) among the found ones (Q, K)."""
    return float((right[:, :, None] == found[:, None, :]).any(2).mean())


def _checked(vectors: np.ndarray) -> np.ndarray:
    if vectors.ndim != 2:
        raise ValueError(f"found an array of shape {vectors.shape}, expected (N, D)")
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _package() -> Any:
    """The package of the same name.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import faiss
    except ImportError:
        raise MissingExtra("faiss-cpu", "index", "the index faiss") from None
    return faiss
