"""A graph of users and items, and what its edges carry from one side to the other."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from p5rec.blocks.sized import SizedByState


class Graph(SizedByState):
    """Edges between users and items; an edge that occurs n times counts n times.

    Attributes:
        edges: (2, E) int64 user and item of each.
    """

    edges: Tensor

    def __init__(self, users: int, items: int) -> None:
        super().__init__()
        self.users, self.items = users, items
        self.register_buffer("edges", torch.zeros(2, 0, dtype=torch.int64))
        self._made: tuple[Tensor, int, int, Tensor, Tensor] | None = None

    def degrees(self) -> tuple[Tensor, Tensor]:
        """Edges of each user (U,) and of each item (V,), float32."""
        counts = (torch.bincount(side, minlength=n) for side, n in zip(self.edges, self._sizes, strict=True))
        users, items = (count.float() for count in counts)
        return users, items

    def propagated(self, users: Tensor, items: Tensor, hops: int) -> tuple[list[Tensor], list[Tensor]]:
        """The vectors of each side after 0 … `hops` hops: those of a node's neighbours, each over √(degree · degree).

        Args:
            users: (U, D).
            items: (V, D).
            hops: how often.
        """
        forth, back = self._matrices()
        rows: tuple[list[Tensor], list[Tensor]] = [users], [items]
        for _ in range(hops):
            users, items = _Product.apply(forth, back, items), _Product.apply(back, forth, users)  # type: ignore[no-untyped-call]
            rows[0].append(users)
            rows[1].append(items)
        return rows

    def __getstate__(self) -> dict[str, Any]:
        """A copy makes its own matrices."""
        return {**self.__dict__, "_made": None}

    @property
    def _sizes(self) -> tuple[int, int]:
        return self.users, self.items

    def _matrices(self) -> tuple[Tensor, Tensor]:
        """The normalised (U, V) matrix of the edges and its transpose, made once."""
        made = self._made
        if made is None or made[0] is not self.edges or made[1:3] != self._sizes:
            users, items = self.degrees()
            user, item = self.edges
            weights = (users[user] * items[item]).rsqrt()
            forth = _compressed(self.edges, weights, self._sizes)
            made = self._made = (
                self.edges,
                *self._sizes,
                forth,
                _compressed(self.edges.flip(0), weights, self._sizes[::-1]),
            )
        return made[3], made[4]


def _compressed(edges: Tensor, weights: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """A sparse matrix with compressed rows, whose products are the fastest; edges that occur again are summed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that this kind of tensor is young
        return torch.sparse_coo_tensor(edges, weights, sizes).coalesce().to_sparse_csr()


class _Product(torch.autograd.Function):
    """Matrix times vectors; the gradient goes back by the transpose, which is at hand."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transposed: Tensor, vectors: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ vectors

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transposed @ gradient.contiguous()
