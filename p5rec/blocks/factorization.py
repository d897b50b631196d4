"""A number for a user and an item: mean, biases, and how what is wished for meets what is offered."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from p5rec.blocks.levels import USER, levels
from p5rec.blocks.shrink import shrunk
from p5rec.blocks.sized import longer
from p5rec.blocks.stream import Kind, Stream

BIASES = 5.0  # times as much as biases are pulled towards 0 are factors
UNKNOWN = -1  # the number of a user or item of whom nothing is known


class Factorization(nn.Module):
    """Matrix factorization (Koren et al. 2009) whose new users are read off their history.

    A known user has factors and a bias, a new one what the state tells, and a level by the labels before the ask:
    never both, as what is fitted to all labels of a user, less those before an ask, tells the label that is asked for.

    Args:
        hidden: H, the width of the states.
        taste, user_bias: users (…) → (…, F), (…, 1).
        offer, item_bias: items likewise.
        factors: F.
        pull: on factors towards 0, for each number estimated.
        counts: users and items.
    """

    scale: Tensor
    user_level: Tensor
    item_level: Tensor

    def __init__(
        self,
        hidden: int,
        taste: nn.Module,
        offer: nn.Module,
        user_bias: nn.Module,
        item_bias: nn.Module,
        factors: int,
        pull: float,
        counts: tuple[int, int],
    ) -> None:
        super().__init__()
        self.taste, self.offer, self.user_bias, self.item_bias = taste, offer, user_bias, item_bias
        self.pull = pull
        self.wish = nn.Linear(hidden, factors)
        nn.init.zeros_(self.wish.weight)  # biases come first
        nn.init.zeros_(self.wish.bias)
        self.register_buffer("scale", torch.tensor([0.0, 1.0, 0.0, 0.0]))  # see `fit`
        self.register_buffer("user_level", torch.zeros(counts[0]))
        self.register_buffer("item_level", torch.zeros(counts[1]))

    def fit(self, users: Tensor, items: Tensor, labels: Tensor) -> None:
        """Take mean, deviation, least and greatest of (N,) labels, and how users and items stand to them."""
        if not len(labels):
            return
        labels = labels.double()
        mean, deviation = float(labels.mean()), float(labels.std(correction=0)) or 1.0
        self.scale.copy_(torch.tensor([mean, deviation, float(labels.min()), float(labels.max())]))
        found = levels(users, items, (labels - mean) / deviation, len(self.user_level), len(self.item_level))
        self.user_level.copy_(found[0])
        self.item_level.copy_(found[1])

    @property
    def differ(self) -> bool:
        """Whether labels tell anything."""
        return bool(self.scale[2] < self.scale[3])

    def above(self, numbers: Tensor) -> Tensor:
        """Numbers on the scale of the labels → deviations from the mean; what is not known is the mean."""
        return ((numbers - self.scale[0]) / self.scale[1]).nan_to_num(0.0)

    def in_range(self, level: Tensor) -> Tensor:
        """Deviations from the mean → the scale of the labels; a finished model stays on it."""
        number = self.scale[0] + self.scale[1] * level
        return number if self.training or not self.differ else number.clamp(self.scale[2], self.scale[3])

    def level(self, stream: Stream, users: Tensor) -> Tensor:
        """(B, A): how far above the mean users (B,) rate: known ones in all, new ones before each ask."""
        known = (users != UNKNOWN).unsqueeze(1)
        whole = self.user_level[users.clamp(min=0)].unsqueeze(1).expand(stream.asks.shape)
        if "label" not in stream.outcome or not self.differ:
            return whole * known
        labels = stream.outcome["label"]
        told = (stream.kinds == Kind.ITEM) & labels.isfinite()
        above = self.above(labels) - self.item_level[stream.values * told]
        before = (stream.asks - 1).clamp(min=0)
        count = told.cumsum(1).gather(1, before)
        total = (above * told).cumsum(1).gather(1, before)
        return torch.where(known, whole, total / (count + USER))

    def forward(self, hidden: Tensor, users: Tensor, level: Tensor, items: Tensor) -> Tensor:
        """States (B, A, H), users and levels (B, A), items (C,), (B, C) or (B, A, C) → deviations (B, A, C)."""
        few, known = self.pull / BIASES, (users != UNKNOWN).unsqueeze(-1)
        wish = shrunk(torch.where(known, self.taste(users), self.wish(hidden)), self.pull)
        bias = shrunk(self.item_bias(items), few).squeeze(-1) + self.item_level[items]
        offer = shrunk(self.offer(items), self.pull)
        if items.dim() == 3:
            met = (offer @ wish.unsqueeze(-1)).squeeze(-1)
        else:
            met = wish @ offer.transpose(-1, -2)
            bias = bias if items.dim() == 1 else bias.unsqueeze(1)
        return met + bias + shrunk(self.user_bias(users), few) + level.unsqueeze(-1)

    def grow(self, users: int, items: int) -> None:
        """Room for new ones, who stand at the mean; the towers grow by themselves."""
        self.user_level, self.item_level = longer(self.user_level, users), longer(self.item_level, items)
