"""A number for a user and an item: mean, biases, and how what is wished for meets what is offered."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from p5rec.blocks.levels import levels
from p5rec.blocks.shrink import shrunk
from p5rec.blocks.sized import longer
from p5rec.blocks.stream import Kind, Stream

UNKNOWN = -1  # the number of a user or item of whom nothing is known


class Factorization(nn.Module):
    """Matrix factorization (Koren et al. 2009) whose new users are read off their history.

    A known user has factors and a level, a new one what the state tells, and a level by the labels before the ask:
    never both, as what is fitted to all labels of a user, less those before an ask, tells the label that is asked for.
    Levels are solved; a learned bias stands in for that of an item or user without labels only, since beside it
    learning would undo its shrinkage.

    Args:
        hidden: H, the width of the states.
        taste, user_bias: users (…) → (…, F), (…, 1).
        offer, item_bias: items likewise.
        factors: F.
        pull: on factors towards 0, for each number estimated.
        hide: share of items and users that are met as if they had no labels in training.
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
        hide: float,
        counts: tuple[int, int],
    ) -> None:
        super().__init__()
        self.taste, self.offer, self.user_bias, self.item_bias = taste, offer, user_bias, item_bias
        self.pull, self.hide = pull, hide
        self.wish = nn.Linear(hidden, factors)
        nn.init.zeros_(self.wish.weight)  # biases come first
        nn.init.zeros_(self.wish.bias)
        self.register_buffer("scale", torch.tensor([0.0, 1.0, 0.0, 0.0, 10.0]))  # see `fit`
        self.register_buffer("user_level", torch.zeros(counts[0]))
        self.register_buffer("item_level", torch.zeros(counts[1]))

    def fit(self, users: Tensor, items: Tensor, labels: Tensor) -> None:
        """Take mean, deviation, least and greatest of (N,) labels, and how users and items stand to them."""
        if not len(labels):
            return
        labels = labels.double()
        mean, deviation = float(labels.mean()), float(labels.std(correction=0)) or 1.0
        found = levels(users, items, (labels - mean) / deviation, len(self.user_level), len(self.item_level))
        self.scale.copy_(torch.tensor([mean, deviation, float(labels.min()), float(labels.max()), found.pull[0]]))
        self.user_level.copy_(found.users)
        self.item_level.copy_(found.items)

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
        return torch.where(known, whole, total / (count + self.scale[4]))

    def forward(self, hidden: Tensor, users: Tensor, level: Tensor, items: Tensor) -> Tensor:
        """States (B, A, H), users and levels (B, A), items (C,), (B, C) or (B, A, C) → deviations (B, A, C)."""
        known = (users != UNKNOWN).unsqueeze(-1)
        wish = shrunk(torch.where(known, self.taste(users), self.wish(hidden)), self.pull)
        offer = shrunk(self.offer(items), self.pull)
        of_user = self._stood_in(level.unsqueeze(-1), self.user_bias(users))
        of_item = self._stood_in(self.item_level[items].unsqueeze(-1), self.item_bias(items)).squeeze(-1)
        if items.dim() == 3:
            met = (offer @ wish.unsqueeze(-1)).squeeze(-1)
        else:
            met = wish @ offer.transpose(-1, -2)
            of_item = of_item if items.dim() == 1 else of_item.unsqueeze(1)
        return met + of_item + of_user

    def _stood_in(self, level: Tensor, bias: Tensor) -> Tensor:
        """Levels (…, 1), and learned biases where there is none, or in training, some are hidden."""
        without = level == 0
        if self.training:
            without = without | (torch.rand_like(level) < self.hide)
        return torch.where(without, shrunk(bias, self.pull), level)

    def grow(self, users: int, items: int) -> None:
        """Room for new ones, who stand at the mean; the towers grow by themselves."""
        self.user_level, self.item_level = longer(self.user_level, users), longer(self.item_level, items)
