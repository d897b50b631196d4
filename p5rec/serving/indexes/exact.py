"""Exact search: every vector is looked at, a block at a time, so that memory stays bounded."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec import contracts
from p5rec.core import config as configs


class Exact(contracts.Index):
    """Dot products with all vectors and the k largest; no error, and linear in the catalogue."""

    class Config(configs.Config):
        """Settings of the exact index."""

        block: int = Field(65_536, description="vectors compared at once", ge=1)

    def __init__(self, config: Config) -> None:
        self._block = config.block
        self._vectors = torch.empty(0, 0)

    def build(self, vectors: np.ndarray) -> None:
        """Keep a float32 copy."""
        self._vectors = _checked(vectors).clone()

    def add(self, vectors: np.ndarray) -> None:
        """Append; numbers go on where they ended."""
        further = _checked(vectors)
        if len(self._vectors) and further.shape[1] != self._vectors.shape[1]:
            raise ValueError(f"found vectors of width {further.shape[1]}, the index has {self._vectors.shape[1]}")
        self._vectors = torch.cat([self._vectors, further]) if len(self._vectors) else further.clone()

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Items (Q, min(k, V)) and scores, best first; the best of each block compete for the final list."""
        asked = _checked(queries)
        k = min(k, len(self._vectors))
        scores, items = torch.empty(len(asked), 0), torch.empty(len(asked), 0, dtype=torch.int64)
        for start in range(0, len(self._vectors), self._block):
            block = asked @ self._vectors[start : start + self._block].T
            best = block.topk(min(k, block.shape[1]))
            scores, items = _merged(scores, items, best.values, best.indices + start, k)
        return items.numpy(), scores.numpy()


def _merged(scores: Tensor, items: Tensor, more: Tensor, which: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k best of two sets of candidates."""
    both, numbers = torch.cat([scores, more], dim=1), torch.cat([items, which], dim=1)
    best = both.topk(min(k, both.shape[1]))
    return best.values, numbers.gather(1, best.indices)


def _checked(vectors: np.ndarray) -> Tensor:
    if vectors.ndim != 2:
        raise ValueError(f"found an array of shape {vectors.shape}, expected (N, D)")
    return torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
