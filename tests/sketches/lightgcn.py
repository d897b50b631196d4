"""LightGCN (He et al. 2020) and its edge task: a throw-away sketch."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p5rec.blocks.past import past
from p5rec.blocks.sized import SizedByState
from p5rec.contracts import Bound, Dataset, Factored, Model, Setting, Stream, Task, collate
from p5rec.core.config import Config
from p5rec.core.seed import rng


class LightGCN(Factored, Bound, SizedByState):
    """Mean of the vectors after 0, 1, 2 hops; unknown users are the mean of their items."""

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(setting.users.count, 32), nn.Embedding(setting.items.count, 32)
        self.register_buffer("edges", torch.zeros(2, 0, dtype=torch.long))

    def bind(self, dataset: Dataset) -> None:
        users, items, _ = dataset.pairs("train")
        self.edges = torch.from_numpy(np.unique(np.stack([users, items + dataset.n_users]), axis=1))

    def refresh(self) -> None:
        x = torch.cat([self.users.weight, self.items.weight])
        edges = torch.cat([self.edges, self.edges.flip(0)], dim=1)
        share = torch.bincount(edges[0], minlength=len(x)).clamp(min=1).rsqrt()
        graph = torch.sparse_coo_tensor(edges, share[edges[0]] * share[edges[1]], (len(x), len(x)))
        self.known = ((x + graph @ x + graph @ (graph @ x)) / 3).tensor_split([len(self.users.weight)])

    def encode(self, stream: Stream) -> Tensor:
        items, _ = past(stream)
        seen = (items >= 0).float().unsqueeze(-1)
        mean = (self.known[1][items.clamp(min=0)] * seen).sum(2) / seen.sum(2).clamp(min=1)
        return torch.where((stream.users < 0)[:, None, None], mean, self.known[0][stream.users.clamp(min=0), None])

    def vectors(self, state: Tensor) -> Tensor:
        return state

    def catalogue(self, items: Tensor | None = None) -> Tensor:
        return self.known[1] if items is None else self.known[1][items]


class Edge(Task):
    """BPR: an edge of the graph before one that is none."""

    def steps(self, dataset: Dataset) -> int:
        return -(-len(dataset.training_items) // 256)

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Tensor]:
        draw, (users, items, _) = rng(seed, "edge", step), dataset.pairs("train")
        chosen, wrong = draw.integers(len(users), size=256), draw.integers(dataset.n_items, size=256)
        return collate(dataset.training(users[chosen])), torch.from_numpy(np.stack([items[chosen], wrong], axis=1))

    def loss(self, model: Model, stream: Stream, target: Tensor) -> Tensor:
        scores = model.score(model.encode(stream), target)[:, 0]
        return F.softplus(scores[:, 1] - scores[:, 0]).mean()
