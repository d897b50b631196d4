"""Item-to-item neighbours by co-occurrence, with distance decay and popularity damping.

After Sarwar et al. 2001 and the sequential variants of Ludewig & Jannach 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial

import numpy as np
import torch
from pydantic import Field
from scipy import sparse
from torch import Tensor

from p5rec.blocks.inference import alike
from p5rec.blocks.neighbours import CHUNK as PRODUCTS
from p5rec.blocks.neighbours import Neighbours, chosen, nearest
from p5rec.blocks.pairs import ahead
from p5rec.blocks.past import decayed, past
from p5rec.blocks.sized import SizedByState, longer
from p5rec.contracts import Dataset, Grows, Setting, Solved, State, Stream
from p5rec.core import seed as seeds
from p5rec.core.climb import turn
from p5rec.core.config import Config as Settings
from p5rec.data.ragged import Ragged

CHUNK = 4_000_000  # scores held at once while settings are chosen
USERS, ASKED, FEWEST = 30_000, 10_000, 200  # of tuning: users counted, users asked, and the least to tune by
CELLS = 200_000_000  # of tuning: users asked x items
CHOICES = {
    "distance": (0.3, 0.6, 1.0, 1.5),
    "backward": (0.1, 0.2, 0.5, 1.0),
    "damp_item": (0.1, 0.2, 0.35, 0.5),
    "damp_history": (0.3, 0.5),
    "recency": (0.5, 0.7, 1.0, 1.5),
}


class ItemKNN(SizedByState, Solved, Grows):
    """Score of j after a history: the sum over its items i of recency x cooccurrence(i, j) / damping.

    A pair at distance d in a user's history counts ``d ** -distance``, times `backward` where j stood before i. Its
    damping is ``(count_i + shrink) ** damp_history * (count_j + shrink) ** damp_item``. What of this suits the data
    is chosen by asking for the last training item of each user, from training rows only.

    Attributes:
        prior: (V,) float32 popularity, so small that it only breaks ties and answers empty histories.
        dials: (5,) float32 the settings in use, in the order of `CHOICES`.
    """

    class Config(Settings):
        """Settings of item-to-item neighbours; those given are kept, `tune` chooses among the others."""

        tune: bool = Field(True, description="choose settings that are not given by each user's last training item")
        distance: float = Field(0.6, ge=0, description="decay of co-occurrence with distance d in the history: d ** -x")
        backward: float = Field(0.2, ge=0, le=1, description="weight of a pair against its order; 1 is symmetric")
        damp_history: float = Field(0.5, ge=0, description="damping by the popularity of the history's item")
        damp_item: float = Field(0.2, ge=0, description="damping by the popularity of the recommended item")
        recency: float = Field(1.0, ge=0, description="decay of the history with age a: (a + 1) ** -x")
        window: int = Field(50, ge=1, description="pairs further apart than this are not counted")
        shrink: float = Field(10.0, ge=0, description="added to the counts before damping")
        neighbours: int = Field(0, ge=0, description="keep so many neighbours of each item; 0 keeps all")
        length: int = Field(200, ge=2, description="items of a history that are read, the last ones")

    claims = ("checkerboard", "markov")
    prior: Tensor
    dials: Tensor

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__()
        self.config = config
        self.length = config.length + 2
        self.seed = setting.seed
        self.neighbours = Neighbours(setting.items.count)
        self.register_buffer("prior", torch.zeros(setting.items.count))
        self.register_buffer("dials", torch.tensor([getattr(config, name) for name in CHOICES]))

    def solve(self, dataset: Dataset) -> None:
        """Choose settings, count pairs in the training histories, damp, keep the nearest."""
        history = dataset.history("train")
        dials = {name: float(getattr(self.config, name)) for name in CHOICES}
        free = {name: tries for name, tries in CHOICES.items() if name not in self.config.model_fields_set}
        if self.config.tune and free:
            dials = self._tuned(history, dials, free)
        pairs = self._pairs(history, dials["distance"])
        self.neighbours.hold(nearest(self._damped(pairs, history, dials), self.config.neighbours))
        self.dials.copy_(torch.tensor([dials[name] for name in CHOICES]))
        counts = dataset.item_counts
        prior = torch.from_numpy((counts * (1e-6 / max(counts.max(initial=0), 1))).astype(np.float32))
        self.prior = prior.to(self.prior.device)

    def work(self, dataset: Dataset) -> tuple[float, float]:
        """Memory of the products that are added up at once, while settings are chosen."""
        return 0.0, 48.0 * min(PRODUCTS, float(dataset.n_items) ** 2)

    def _pairs(self, history: Ragged, decay: float) -> sparse.csr_array:
        """(V, V) counts of "j later than i in one history", a pair at distance d counts ``d ** -decay``."""
        row, item = history.flat()
        return ahead(row, item, self.neighbours.count, self.config.window, lambda distance: distance**-decay)

    def _damped(self, later: sparse.csr_array, history: Ragged, dials: Mapping[str, float]) -> sparse.csr_array:
        """(V, V) neighbours from the counts of pairs in order."""
        counts = np.maximum(np.bincount(history.flat()[1], minlength=later.shape[0]), 1.0) + self.config.shrink
        pairs = sparse.csr_array(later + dials["backward"] * later.T)
        row = np.repeat(np.arange(len(counts)), np.diff(pairs.indptr))
        damping = counts[row] ** dials["damp_history"] * counts[pairs.indices] ** dials["damp_item"]
        pairs.data = (pairs.data / damping).astype(np.float32)
        pairs.eliminate_zeros()
        return pairs

    def _tuned(
        self, history: Ragged, dials: dict[str, float], free: Mapping[str, tuple[float, ...]]
    ) -> dict[str, float]:
        """The dials that best foretell the last training item of each user (a seeded sample)."""
        rows = np.flatnonzero(history.lengths >= 3)
        if len(rows) < FEWEST:
            return dials
        size = self.neighbours.count
        asked = max(min(ASKED, CELLS // size), FEWEST)
        history = history.rows(seeds.rng(self.seed, "itemknn").permutation(rows)[:USERS])
        target = torch.from_numpy(history.values[history.stops[:asked] - 1].astype(np.int64))
        known = Ragged(history.values, history.starts, history.stops - 1)
        pairs = cache(partial(self._pairs, known))

        def value(tried: Mapping[str, float]) -> float:
            held = Neighbours(size)
            held.hold(self._damped(pairs(tried["distance"]), known, tried))
            return foretold(held, known.rows(slice(asked)).last(self.config.length), target, tried["recency"])

        return turn(value, dials, free)

    def encode(self, stream: Stream) -> State:
        """The items before each ask (B, A, L) and their weights (B, A, L)."""
        items, ages = past(stream)
        return {"items": items, "weights": decayed(items, ages, float(self.dials[-1]))}

    def score(self, state: State, items: Tensor | None = None) -> Tensor:
        """Neighbours of the weighted history (B, A, C)."""
        return chosen(self.neighbours.score(state["items"], state["weights"]) + self.prior, items)

    def grow(self, setting: Setting) -> None:
        """New items have no neighbours yet."""
        self.neighbours.grow(setting.items.count)
        self.prior = longer(self.prior, setting.items.count)


def foretold(neighbours: Neighbours, history: Ragged, target: Tensor, recency: float) -> float:
    """NDCG@10 of the (Q,) items that came next, among those that are not in the history."""
    gain = 0.0
    for rows in alike(history.lengths, lambda longest: CHUNK // max(neighbours.count, 1)):
        items = torch.from_numpy(history.rows(rows).padded().astype(np.int64))
        ages = torch.from_numpy(history.lengths[rows])[:, None] - 1 - torch.arange(items.shape[1])
        scores = neighbours.score(items, decayed(items, ages, recency))
        own = scores.gather(1, target[rows, None])
        row, item = history.rows(rows).flat()
        scores[torch.from_numpy(row), torch.from_numpy(item.astype(np.int64))] = -torch.inf
        rank = 1 + (scores >= own).sum(1) - (scores.gather(1, target[rows, None]) >= own).sum(1)
        gain += float(((rank <= 10) / torch.log2(rank + 1.0)).sum())
    return gain / len(history)
