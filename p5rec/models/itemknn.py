"""Item-to-item neighbours by co-occurrence, with distance decay and popularity damping.

After Sarwar et al. 2001 and the sequential variants of Ludewig & Jannach 2018.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from pydantic import Field
from scipy import sparse
from torch import Tensor

from p5rec.blocks.neighbours import Neighbours, chosen, nearest
from p5rec.blocks.past import decayed, past
from p5rec.blocks.sized import SizedByState, longer
from p5rec.contracts import Dataset, Grows, Setting, Solved, State, Stream
from p5rec.core.config import Config as Settings
from p5rec.data.ragged import Ragged

CHUNK = 4_000_000  # pairs counted at once


class ItemKNN(SizedByState, Solved, Grows):
    """Score of j after a history: the sum over its items i of recency x cooccurrence(i, j) / damping.

    A pair at distance d in a user's history of n counts ``d ** -distance * n ** -activity``, times `backward` where
    j stood before i. Its damping is ``(count_i + shrink) ** damp_history * (count_j + shrink) ** damp_item``.

    Attributes:
        prior: (V,) float32 popularity, so small that it only breaks ties and answers empty histories.
    """

    class Config(Settings):
        """Settings of item-to-item neighbours."""

        distance: float = Field(0.6, ge=0, description="decay of co-occurrence with distance d in the history: d ** -x")
        window: int = Field(50, ge=1, description="pairs further apart than this are not counted")
        backward: float = Field(0.2, ge=0, le=1, description="weight of a pair against its order; 1 is symmetric")
        activity: float = Field(0.3, ge=0, description="damping of users with n events: n ** -x")
        damp_history: float = Field(0.3, ge=0, description="damping by the popularity of the history's item")
        damp_item: float = Field(0.2, ge=0, description="damping by the popularity of the recommended item")
        shrink: float = Field(5.0, ge=0, description="added to the counts before damping")
        recency: float = Field(1.5, ge=0, description="decay of the history with age a: (a + 1) ** -x")
        neighbours: int = Field(0, ge=0, description="keep so many neighbours of each item; 0 keeps all")
        length: int = Field(200, ge=2, description="items of a history that are read, the last ones")

    claims = ("checkerboard", "markov")
    prior: Tensor

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__()
        self.config = config
        self.length = config.length + 2
        self.neighbours = Neighbours(setting.items.count)
        self.register_buffer("prior", torch.zeros(setting.items.count))

    def solve(self, dataset: Dataset) -> None:
        """Count pairs in the training histories, damp, keep the nearest."""
        history, size = dataset.history("train"), dataset.n_items
        events = np.maximum(np.bincount(history.flat()[1], minlength=size), 1.0)  # who has none is in no pair
        ahead = sum(self._pairs(history, size), sparse.csr_array((size, size), dtype=np.float32))
        pairs = sparse.coo_array(ahead + self.config.backward * ahead.T)
        pairs.eliminate_zeros()
        row, column = pairs.coords
        damped = (events + self.config.shrink) ** -self.config.damp_history
        weight = pairs.data * damped[row] * (events[column] + self.config.shrink) ** -self.config.damp_item
        kept = sparse.csr_array((weight.astype(np.float32), (row, column)), shape=(size, size))
        self.neighbours.hold(nearest(kept, self.config.neighbours))
        self.prior = torch.from_numpy((dataset.item_counts * (1e-6 / events.max(initial=1))).astype(np.float32))

    def _pairs(self, history: Ragged, size: int) -> Iterator[sparse.csr_array]:
        """Sparse (V, V) parts of the weighted counts "j later than i in one history"."""
        user, item = history.flat()
        lengths = history.lengths.astype(np.float64)
        for distance in range(1, min(self.config.window, int(lengths.max(initial=1)) - 1) + 1):
            same = np.flatnonzero(user[:-distance] == user[distance:])
            for part in np.array_split(same, len(same) // CHUNK + 1):
                weight = distance**-self.config.distance * lengths[user[part]] ** -self.config.activity
                pair = (item[part], item[part + distance])
                yield sparse.csr_array((weight.astype(np.float32), pair), shape=(size, size))

    def encode(self, stream: Stream) -> State:
        """The items before each ask (B, A, L) and their weights (B, A, L)."""
        items, ages = past(stream)
        return {"items": items, "weights": decayed(items, ages, self.config.recency)}

    def score(self, state: State, items: Tensor | None = None) -> Tensor:
        """Neighbours of the weighted history (B, A, C)."""
        return chosen(self.neighbours.score(state["items"], state["weights"]) + self.prior, items)

    def grow(self, setting: Setting) -> None:
        """New items have no neighbours yet."""
        self.neighbours.grow(setting.items.count)
        self.prior = longer(self.prior, setting.items.count)
