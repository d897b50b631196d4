"""Matrix factorisation by alternating least squares (Hu, Koren & Volinsky 2008; scaled as in Rendle et al. 2022)."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec.blocks.inference import alike
from p5rec.blocks.past import decayed, past
from p5rec.blocks.sized import SizedByState, longer
from p5rec.contracts import Dataset, Factored, Grows, Setting, Solved, State, Stream
from p5rec.core import seed as seeds
from p5rec.core.config import Config as Settings
from p5rec.core.progress import track
from p5rec.data.ragged import Ragged

CELLS = 8_000_000  # numbers of the padded rows solved at once


class MF(SizedByState, Factored, Solved, Grows):
    """Vectors of items such that each user's, folded in from the history, is near 1 on its items and near 0 elsewhere.

    A user is never stored: the vector of an ask is the ridge solution on the items before it, so anyone is answered.

    Attributes:
        factors: (V, D) float32 item vectors, turned so that ``factors.T @ factors`` is diagonal.
        energy: (D,) float32 that diagonal.
        prior: (V,) float32 popularity, so small that it only breaks ties and answers empty histories.
        count: items at solving; those that grow later are no evidence against anything.
    """

    class Config(Settings):
        """Settings of matrix factorisation."""

        width: int = Field(64, ge=1, description="length of a vector")
        sweeps: int = Field(10, ge=1, description="times that users and items are solved in turn")
        unseen: float = Field(0.3, gt=0, description="weight of an unseen pair; a seen one has 1")
        ridge: float = Field(0.01, gt=0, description="strength of the penalty")
        scaling: float = Field(1.0, ge=0, description="exponent of how the penalty grows with a row's weight")
        recency: float = Field(
            0.5, ge=0, description="decay of the history that is asked with, with age: (a + 1) ** -x"
        )
        length: int = Field(200, ge=1, description="items of a history that are read, the last ones")

    claims = ("checkerboard",)
    factors: Tensor
    energy: Tensor
    prior: Tensor
    count: Tensor

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__()
        self.config = config
        self.length = config.length + 2
        self.seed = setting.seed
        self.register_buffer("factors", torch.zeros(setting.items.count, config.width))
        self.register_buffer("energy", torch.zeros(config.width))
        self.register_buffer("prior", torch.zeros(setting.items.count))
        self.register_buffer("count", torch.tensor(setting.items.count))

    def solve(self, dataset: Dataset) -> None:
        """Solve users and items in turn."""
        users = dataset.history("train")
        items = _turned(users, dataset.n_items)
        start = torch.Generator().manual_seed(seeds.number(self.seed, "mf"))
        factors = torch.randn(dataset.n_items, self.config.width, generator=start) * 0.1 / self.config.width**0.5
        for _ in track(range(self.config.sweeps), "mf"):
            factors = self._sweep(items, self._sweep(users, factors))
        factors[torch.from_numpy(items.lengths == 0)] = 0.0
        device = self.factors.device
        self.count.fill_(dataset.n_items)
        self.factors, self.energy = (tensor.to(device) for tensor in _turned_diagonal(factors))
        counts = dataset.item_counts
        self.prior = torch.from_numpy((counts * (1e-6 / max(counts.max(initial=0), 1))).astype(np.float32)).to(device)

    def _sweep(self, rows: Ragged, fixed: Tensor) -> Tensor:
        """Solve every row (Q) against the fixed vectors (N, D) of the other side: (Q, D), turned with them."""
        fixed, energy = _turned_diagonal(fixed)
        solved = fixed.new_zeros(len(rows), fixed.shape[1])
        for chosen in alike(rows.lengths, lambda longest: CELLS // (max(longest, 1) * fixed.shape[1])):
            others = torch.from_numpy(rows.rows(chosen).padded().astype(np.int64))
            solved[torch.from_numpy(chosen)] = self._ridge(fixed, energy, others, (others >= 0).float(), len(fixed))
        return solved

    def _ridge(self, fixed: Tensor, energy: Tensor, others: Tensor, weights: Tensor, count: int | Tensor) -> Tensor:
        """Minimise ``Σ w (1 - s)² + unseen Σ s² + penalty |x|²`` with s = x·y: (R, L) others and weights → (R, D).

        With y turned, all but the first sum is diagonal: rows shorter than D need a system of their length only.
        """
        root = weights.sqrt().unsqueeze(-1)
        near = fixed[others.clamp(min=0)] * root
        penalty = self.config.ridge * (weights.sum(1) + self.config.unseen * count) ** self.config.scaling
        base = self.config.unseen * energy + penalty.unsqueeze(-1)
        if others.shape[1] > len(energy):
            left = near.transpose(1, 2) @ near + torch.diag_embed(base)
            return torch.cholesky_solve(near.transpose(1, 2) @ root, torch.linalg.cholesky(left)).squeeze(-1)
        scaled = near / base.unsqueeze(1)
        left = scaled @ near.transpose(1, 2) + torch.eye(others.shape[1], device=near.device)
        return (scaled.transpose(1, 2) @ torch.cholesky_solve(root, torch.linalg.cholesky(left))).squeeze(-1)

    def work(self, dataset: Dataset) -> tuple[float, float]:
        """Each sweep solves a system of D numbers for every user and item."""
        rows, width = float(dataset.n_users + dataset.n_items), float(self.config.width)
        return self.config.sweeps * rows * width**3, 4.0 * (CELLS * 3 + rows * width)

    def encode(self, stream: Stream) -> State:
        """(B, A, D) the vector of each ask, folded in from the items before it."""
        items, ages = past(stream)
        weights = decayed(items, ages, self.config.recency)
        flat = self._ridge(self.factors, self.energy, items.flatten(0, 1), weights.flatten(0, 1), self.count)
        return flat.view(*items.shape[:2], -1)

    def vectors(self, state: State) -> Tensor:
        """(B, A, D + 1) the last number stands for popularity."""
        return torch.cat([state, state.new_ones((*state.shape[:-1], 1))], dim=-1)

    def catalogue(self, items: Tensor | None = None) -> Tensor:
        """(V, D + 1), or those of the items asked for."""
        both = torch.cat([self.factors, self.prior.unsqueeze(-1)], dim=-1)
        return both if items is None else both[items]

    def grow(self, setting: Setting) -> None:
        """New items have no vector yet."""
        self.factors = longer(self.factors, setting.items.count)
        self.prior = longer(self.prior, setting.items.count)


def _turned(users: Ragged, count: int) -> Ragged:
    """Rows of items by user → rows of users by item."""
    user, item = users.flat()
    order = np.argsort(item, kind="stable")
    stops = np.cumsum(np.bincount(item, minlength=count))
    return Ragged(user[order], np.concatenate([[0], stops[:-1]]), stops)


def _turned_diagonal(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """(N, D) vectors turned so that ``vectors.T @ vectors`` is diagonal, and that diagonal (D,)."""
    turned = vectors @ torch.linalg.eigh(vectors.T @ vectors).eigenvectors
    return turned, turned.square().sum(0)
