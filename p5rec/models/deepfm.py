"""Factorisation machine and deep net over the same vectors of fields (DeepFM, Guo et al. 2017)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from p5rec.blocks.stream import Stream, at
from p5rec.contracts import Bound, Dataset, Estimates, Grows, Setting
from p5rec.core.config import Config


class DeepfmConfig(Config):
    """Settings of deepfm."""

    width: int = Field(16, ge=1, description="width of the vectors of fields")
    hidden: tuple[int, ...] = Field((64, 32), min_length=1, description="widths of the deep net's layers")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout inside the deep net")
    chunk: int = Field(4096, ge=1, description="items estimated at once for a whole catalogue")


class Side(NamedTuple):
    """What one side of a pair brings: parts of the FM's sums, and its share of the deep net's first layer."""

    linear: Tensor  # (…)
    total: Tensor  # (…, D) Σ of the vectors of fields
    squares: Tensor  # (…) Σ of their squared lengths
    deep: Tensor  # (…, H)


class Deepfm(Estimates, Bound, Grows):
    """mean + deviation · (first order + pairs of fields + deep net); every modality of a tower is a field.

    A tower's vectors are one wider than the FM's: the last number is the field's first-order weight.
    """

    Config = DeepfmConfig
    causal = True
    scale: Tensor
    length = 2  # START and BLANK: the state is the user and the moment
    learns = {"rating": {}}  # noqa: RUF012
    claims = ("ratings",)

    def __init__(self, config: DeepfmConfig, setting: Setting) -> None:
        super().__init__()
        self.config = config
        self.items, self.users = setting.item_tower(config.width + 1), setting.user_tower(config.width + 1)
        self.events = nn.Embedding(len(setting.kinds), config.width + 1)
        nn.init.normal_(self.events.weight, std=0.02)
        nothing = torch.tensor([-1])
        counts = [len(self.items.parts(nothing)), len(self.users.parts(nothing)) + 1]
        first = config.hidden[0]
        self.item_deep = nn.Linear(counts[0] * config.width, first, bias=False)
        self.user_deep = nn.Linear(counts[1] * config.width, first)
        layers: list[nn.Module] = []
        for before, after in zip(config.hidden, config.hidden[1:], strict=False):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(config.dropout)]
        self.deep = nn.Sequential(nn.ReLU(), nn.Dropout(config.dropout), *layers, nn.Linear(config.hidden[-1], 1))
        self.register_buffer("scale", torch.tensor([0.0, 1.0]))  # mean and deviation of the training labels

    def bind(self, dataset: Dataset) -> None:
        """Take the scale of the labels."""
        labels = torch.from_numpy(dataset.pairs("train")[2]).double()
        labels = labels[labels.isfinite()]
        if len(labels):
            deviation = float(labels.std(correction=0)) or 1.0
            self.scale.copy_(torch.tensor([float(labels.mean()), deviation]))

    def refresh(self) -> None:
        """Nothing to do."""

    def encode(self, stream: Stream) -> dict[str, Tensor]:
        """The user's side (B, A, …) of a pair."""
        asks = stream.asks.shape[1]
        kind = stream.context.get("kind", torch.zeros_like(stream.kinds)).unsqueeze(-1)
        moment = self.events(at(kind, stream.asks).squeeze(-1))
        parts = [part.unsqueeze(1).expand(-1, asks, -1) for part in self.users.parts(stream.users).values()]
        return self._side([*parts, moment], self.user_deep)._asdict()

    def _side(self, parts: list[Tensor], deep: nn.Module) -> Side:
        fields = torch.stack(parts, dim=-2)
        vectors, linear = fields[..., :-1], fields[..., -1]
        return Side(linear.sum(-1), vectors.sum(-2), vectors.square().sum((-1, -2)), deep(vectors.flatten(-2)))

    def estimate(self, state: dict[str, Tensor], items: Tensor) -> Tensor:
        """(B, A, C) on the scale of the labels."""
        parts = self.items.parts(items.reshape(-1))
        item = self._side([part.view(*items.shape, -1) for part in parts.values()], self.item_deep)
        user = Side(**state)
        linear, total, squares, deep = (
            _beside(one) + _before(two, items.dim()) for one, two in zip(user, item, strict=True)
        )
        pairs = 0.5 * (total.square().sum(-1) - squares)
        net = self.deep(deep).squeeze(-1)
        return self.scale[0] + self.scale[1] * (linear + pairs + net)

    def score(self, state: dict[str, Tensor], items: Tensor | None = None) -> Tensor:
        """The estimates: who is expected to give the highest label, comes first."""
        if items is not None:
            return self.estimate(state, items)
        every = torch.arange(self.items.count, device=self.scale.device)
        return torch.cat([self.estimate(state, part) for part in every.split(self.config.chunk)], dim=2)

    def grow(self, setting: Setting) -> None:
        """New items and users are known by their content, if the towers read any."""
        self.items.grow(setting.items)
        self.users.grow(setting.users)


def _beside(user: Tensor) -> Tensor:
    """(B, A) → (B, A, 1), (B, A, D) → (B, A, 1, D)."""
    return user.unsqueeze(2)


def _before(item: Tensor, shape: int) -> Tensor:
    """(C, …), (B, C, …) or (B, A, C, …) → (1 or B, 1 or A, C, …)."""
    return item[None, None] if shape == 1 else item.unsqueeze(1) if shape == 2 else item
