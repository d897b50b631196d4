"""A sparse item-to-item matrix, and the scores of weighted histories by it."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from p5rec.blocks.sized import SizedByState, longer

CHUNK = 4_000_000  # products at once, bounds the memory of a step


class Neighbours(SizedByState):
    """Row i lists what item i speaks for, and how loudly (compressed sparse rows).

    Attributes:
        bounds: (V + 1,) int64 where each row begins.
        columns: (N,) int32 items, sorted in each row.
        weights: (N,) float32.
    """

    bounds: Tensor
    columns: Tensor
    weights: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.zeros(count + 1, dtype=torch.int64))
        self.register_buffer("columns", torch.zeros(0, dtype=torch.int32))
        self.register_buffer("weights", torch.zeros(0))

    @property
    def count(self) -> int:
        """V, the number of items."""
        return len(self.bounds) - 1

    def hold(self, matrix: sparse.csr_array) -> None:
        """Take a (V, V) matrix, on the device of the old one."""
        matrix.sort_indices()
        device = self.bounds.device
        self.bounds = torch.from_numpy(matrix.indptr.astype(np.int64)).to(device)
        self.columns = torch.from_numpy(matrix.indices.astype(np.int32)).to(device)
        self.weights = torch.from_numpy(matrix.data.astype(np.float32)).to(device)

    def grow(self, count: int) -> None:
        """Room for more items, which have no neighbours yet."""
        self.bounds = longer(self.bounds, count + 1, int(self.bounds[-1]))

    def score(self, items: Tensor, weights: Tensor) -> Tensor:
        """The rows of a history's items, weighted and summed.

        Args:
            items: (..., L) item numbers; entries of weight 0 are skipped, whatever their number.
            weights: (..., L) weight of each.

        Returns:
            (..., V) scores.
        """
        shape = items.shape[:-1]
        items, weights = items.reshape(-1, items.shape[-1]), weights.reshape(-1, items.shape[-1])
        row, place = weights.nonzero(as_tuple=True)
        item, weight = items[row, place], weights[row, place]
        lengths = self.bounds.diff()[item]
        out = weights.new_zeros(len(items) * self.count)
        if int(lengths.sum()) > self.count**2:  # a full matrix is less work than to visit every entry so often
            out = out.index_add_(0, row * self.count + item, weight).view(-1, self.count) @ self.dense()
        else:
            for part in _parts(lengths):
                self._add(out, row[part], item[part], weight[part])
        return out.view(*shape, self.count)

    def dense(self) -> Tensor:
        """The full (V, V) matrix."""
        full = self.weights.new_zeros(self.count, self.count)
        row = torch.arange(self.count, device=full.device).repeat_interleave(self.bounds.diff())
        full[row, self.columns.long()] = self.weights
        return full

    def _add(self, out: Tensor, row: Tensor, item: Tensor, weight: Tensor) -> None:
        """Add weight x neighbours of each item to its row of the flat scores."""
        starts = self.bounds[item]
        lengths = self.bounds[item + 1] - starts
        ends = lengths.cumsum(0)
        place = torch.arange(int(lengths.sum()), device=out.device)
        place += (starts - ends + lengths).repeat_interleave(lengths)
        products = self.weights[place] * weight.repeat_interleave(lengths)
        out.index_add_(0, (row * self.count).repeat_interleave(lengths) + self.columns[place], products)


def _parts(lengths: Tensor) -> list[slice]:
    """Cut so that the lengths of each part sum to about `CHUNK`."""
    chunk = lengths.cumsum(0).div(CHUNK, rounding_mode="floor")
    cuts = (chunk.diff().nonzero().flatten() + 1).tolist()
    return [slice(a, b) for a, b in zip([0, *cuts], [*cuts, len(lengths)], strict=True) if b > a]


def chosen(scores: Tensor, items: Tensor | None) -> Tensor:
    """Pick candidates (C,), (B, C) or (B, A, C) out of the scores (B, A, V) of the whole catalogue."""
    if items is None:
        return scores
    if items.dim() == 1:
        return scores[..., items]
    if items.dim() == 2:
        items = items.unsqueeze(1)
    return scores.gather(-1, items.expand(*scores.shape[:2], -1))


def nearest(matrix: sparse.csr_array, count: int) -> sparse.csr_array:
    """The `count` entries of each row that are largest by absolute value; 0 keeps all. Ties go to the first."""
    lengths = np.diff(matrix.indptr)
    if not count or lengths.max(initial=0) <= count:
        return matrix
    row = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((np.arange(len(row)), -np.abs(matrix.data), row))
    kept = np.sort(order[np.arange(len(row)) - matrix.indptr[row] < count])
    return sparse.csr_array((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)
