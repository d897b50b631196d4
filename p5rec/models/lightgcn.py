"""LightGCN: vectors of users and items, smoothed over the graph of the training events (He et al. 2020)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from p5rec.blocks.graph import Graph
from p5rec.blocks.past import past
from p5rec.blocks.unit import unit
from p5rec.contracts import Bound, Dataset, Factored, Grows, Setting, Stream
from p5rec.core.config import Config


class LightgcnConfig(Config):
    """Settings of lightgcn."""

    width: int = Field(128, ge=2, description="width of vectors")
    hops: int = Field(2, ge=0, description="how far vectors travel over the graph; 0 is matrix factorisation")
    cosine: bool = Field(False, description="scores are cosines times a learned factor, else plain dot products")
    length: int = Field(1000, ge=2, description="items of a history that are read, the last ones")


class Lightgcn(Factored, Bound, Grows):
    """The mean of a node's vectors after 0 … hops hops; what towers tell of it is the vector it starts with.

    The vector of a user is made of the items that stand in the stream, as the graph would make it if they were the
    user's edges: of a training history it is exactly LightGCN's, and new events and new users count at once. A user
    who is not known starts as one of whom the tower knows nothing. An item without edges keeps its own vector.
    """

    Config = LightgcnConfig
    learns = {"edge": {}}  # noqa: RUF012
    claims = ("checkerboard",)

    def __init__(self, config: LightgcnConfig, setting: Setting) -> None:
        super().__init__()
        self.config, self.length = config, config.length + 2
        self.users, self.items = setting.user_tower(config.width), setting.item_tower(config.width)
        self.graph = Graph(setting.users.count, setting.items.count)
        self.sharpness = torch.nn.Parameter(torch.tensor(math.log(12.0))) if config.cosine else None
        self.own = self.told = self.known = torch.zeros(0)

    def bind(self, dataset: Dataset) -> None:
        """The edges: all training events."""
        user, item = dataset.history("train").flat()
        self.graph.edges = torch.stack([torch.from_numpy(side.astype("int64")) for side in (user, item)])

    def refresh(self) -> None:
        """Propagate the vectors of the towers.

        Sets ``own`` (1 + U, D), what users start with, the unknown one first; ``told`` (V, D), what an item gives to
        the users that have it; ``known`` (V, D), the vectors of items.
        """
        device = self.graph.edges.device
        self.own = self.users(torch.arange(-1, self.users.count, device=device))
        items = self.graph.propagated(self.own[1:], self.items.all(), self.config.hops)[1]
        degree = self.graph.degrees()[1].unsqueeze(1)
        self.told = torch.stack([torch.zeros_like(items[0]), *items[:-1]]).sum(0) / degree.clamp(min=1).sqrt()
        self.known = torch.where(degree > 0, torch.stack(items).mean(0), items[0])

    def encode(self, stream: Stream) -> Tensor:
        """(B, A, D)."""
        items = past(stream)[0]
        seen = items >= 0
        count = seen.sum(2)
        starts = count.flatten().cumsum(0) - count.flatten()
        given = F.embedding_bag(items[seen], self.told, starts, mode="sum").view(*count.shape, -1)
        start = self.own[stream.users + 1].unsqueeze(1)
        return (start + given / count.clamp(min=1).sqrt().unsqueeze(-1)) / (self.config.hops + 1)

    def vectors(self, state: Tensor) -> Tensor:
        """(B, A, D)."""
        return state if self.sharpness is None else unit(state) * self.sharpness.exp()

    def catalogue(self, items: Tensor | None = None) -> Tensor:
        """(V, D), or (…, D) of some items; of length 1 where scores are cosines."""
        vectors = self.known if items is None else F.embedding(items, self.known)
        return vectors if self.sharpness is None else unit(vectors)

    def grow(self, setting: Setting) -> None:
        """New users and items have no edges: what the towers know of them is their vector."""
        self.users.grow(setting.users)
        self.items.grow(setting.items)
        self.graph.users, self.graph.items = setting.users.count, setting.items.count
        with torch.no_grad():
            self.refresh()
