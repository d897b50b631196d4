"""What is like the history by words and categories: a rule that knows new items at once, and learns nothing of taste.

TF-IDF profiles and their cosine, after Salton & Buckley 1988.
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from scipy import sparse
from torch import Tensor

from p5rec.blocks.neighbours import chosen
from p5rec.blocks.past import decayed, past
from p5rec.blocks.sized import SizedByState
from p5rec.contracts import Dataset, Grows, Setting, Solved, State, StepsAside, Stream
from p5rec.core.config import Config as Settings
from p5rec.data.told import rarity, told, weighed


class Content(SizedByState, Solved, Grows):
    """Score of j after a history: the sum over its items i of recency x cosine of their weighed words and categories.

    Attributes:
        bounds, columns, weights: (V, F) rows of length 1 or 0 of all items, compressed sparse rows.
        rarity: (F,) float32 logarithm of how seldom a word or category is among trained items, 0 where it never is.
        prior: (V,) float32 popularity, so small that it only breaks ties and answers empty histories.
    """

    class Config(Settings):
        """Settings of likeness by content."""

        recency: float = Field(0.0, ge=0, description="decay of the history with age a: (a + 1) ** -x")
        length: int = Field(200, ge=2, description="items of a history that are read, the last ones")

    claims = ("likeness",)
    bounds: Tensor
    columns: Tensor
    weights: Tensor
    rarity: Tensor
    prior: Tensor

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__()
        self.config, self.items = config, setting.items
        self.length = config.length + 2
        self.register_buffer("bounds", torch.zeros(setting.items.count + 1, dtype=torch.int64))
        self.register_buffer("columns", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("weights", torch.zeros(0))
        self.register_buffer("rarity", torch.zeros(0))
        self.register_buffer("prior", torch.zeros(setting.items.count))

    def solve(self, dataset: Dataset) -> None:
        """Count in how many trained items each word and category occurs.

        Raises:
            StepsAside: nothing is known of items that could be compared.
        """
        table = told(self.items)
        if not table.nnz:
            raise StepsAside(
                "content steps aside: items have neither words nor categories; give an item table with data.items"
            )
        counts = dataset.item_counts
        self.rarity = torch.from_numpy(rarity(table, counts)).to(self.prior.device)
        self._hold(table)
        prior = counts * (1e-6 / max(counts.max(initial=0), 1))
        self.prior = torch.from_numpy(prior.astype(np.float32)).to(self.prior.device)

    def _hold(self, table: sparse.csr_array) -> None:
        """Take what occurs in each item, weighed by rarity, at length 1."""
        rare = np.zeros(table.shape[1], np.float32)
        rare[: len(self.rarity)] = self.rarity.numpy(force=True)
        rows = weighed(table, rare)
        device = self.prior.device
        self.bounds = torch.from_numpy(rows.indptr.astype(np.int64)).to(device)
        self.columns = torch.from_numpy(rows.indices.astype(np.int64)).to(device)
        self.weights = torch.from_numpy(rows.data.astype(np.float32)).to(device)

    def encode(self, stream: Stream) -> State:
        """The items before each ask (B, A, L) and their weights (B, A, L)."""
        items, ages = past(stream)
        return {"items": items, "weights": decayed(items, ages, self.config.recency)}

    def score(self, state: State, items: Tensor | None = None) -> Tensor:
        """Likeness to the weighted history (B, A, C)."""
        given, weights = state["items"], state["weights"]
        taken = weights.new_zeros(*given.shape[:-1], len(self.prior))
        taken.scatter_add_(-1, given.clamp(min=0), weights)
        rows = torch.sparse_coo_tensor(
            self._places(), self.weights, (len(self.prior), self._width()), check_invariants=False
        )
        profile = torch.sparse.mm(rows.t(), taken.flatten(0, -2).t())
        scores = torch.sparse.mm(rows, profile).t().reshape(taken.shape)
        return chosen(scores + self.prior, items)

    def _places(self) -> Tensor:
        """(2, N) item and feature of each weight."""
        items = torch.arange(len(self.prior), device=self.bounds.device)
        return torch.stack([items.repeat_interleave(self.bounds.diff()), self.columns])

    def _width(self) -> int:
        return int(self.columns.max()) + 1 if len(self.columns) else 1

    def grow(self, setting: Setting) -> None:
        """New items are known by their content; words and categories that came with them say nothing."""
        self.items = setting.items
        prior = self.prior.new_zeros(setting.items.count)
        prior[: len(self.prior)] = self.prior
        self.prior = prior
        self._hold(told(setting.items))
