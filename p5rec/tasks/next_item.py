"""What comes next, asked at every place of a history at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from p5rec.blocks import losses
from p5rec.blocks.negatives import Negatives
from p5rec.blocks.stream import Stream
from p5rec.collate import collate
from p5rec.contracts import Dataset, Factored, Model, Setting, Task, Tower
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.data.windows import Plan


class NextItemConfig(Config):
    """Settings of next_item."""

    loss: Literal["softmax", "sampled", "gbce"] = Field(
        "softmax", description="softmax over the whole catalogue, over a sample of it, or calibrated binary losses"
    )
    positions: int = Field(2048, ge=16, description="things of a batch, START included")
    window: int = Field(200, ge=1, description="longest window of a history for models that read any length")
    smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target spread over the catalogue (softmax)")
    horizon: int = Field(3, ge=1, description="so many of the following items count as right, not only the next one")
    fade: float = Field(0.3, gt=0, le=1, description="weight of a following item as a share of the one before it")
    negatives: int = Field(256, ge=1, description="items drawn beside each target (sampled, gbce)")
    share: int = Field(128, ge=0, description="places that share one draw: 1 each its own, 0 the whole batch")
    popularity: float = Field(
        0.0, ge=0, le=1, description="draw by counts to this power; logits are corrected for it (logQ)"
    )
    calibration: float = Field(0.75, ge=0, le=1, description="t of gBCE: 0 is plain BCE, 1 is calibrated like softmax")
    views: tuple[str, ...] = Field((), description="modalities of items that are read, e.g. text alone; empty: all")


@dataclass(frozen=True)
class Wanted:
    """What was right.

    Attributes:
        asked: (B, A) bool, the asks that count, N in all.
        items: (N, K) the item that stood there, and those that followed.
        weights: (N, K) 1 for the first, less for each further one, 0 behind the end of a history.
        closed: items that occur in no training row: not even negatives, so that content may speak for them.
        drawn: (G, M) negatives of each group of places, None without a sampled loss.
        odds: (G, M) log of how much likelier each was drawn than uniformly.
    """

    asked: Tensor
    items: Tensor
    weights: Tensor
    closed: Tensor
    drawn: Tensor | None = None
    odds: Tensor | None = None


class NextItem(Task):
    """Cross-entropy of the next item of the kind to be predicted, at each place of each training history."""

    Config = NextItemConfig
    needs = (Factored,)

    config: NextItemConfig

    def __init__(self, config: NextItemConfig, setting: Setting) -> None:
        super().__init__(config, setting)
        self.setting = setting
        self._plan = Plan(config.positions)
        self._negatives: tuple[Dataset, Negatives] | None = None

    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass."""
        return self._plan.steps(dataset)

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Wanted]:
        """Windows of like length, asked everywhere.

        Raises:
            InputError: the model is not causal, so that it would see what is asked for.
        """
        if not model.causal:
            raise InputError(
                f"task next_item asks at every place at once, so it needs a causal model, and "
                f"{type(model).__name__} is not; train it on masked_item"
            )
        room = self.config.window if model.length is None else model.length - 1
        stream = collate(self._plan.queries(dataset, room, seed, step), model.length, asks="every")
        asked = stream.asks >= 0
        if len(dataset.kinds) > 1:
            asked = asked & (stream.context["kind"][:, 1:] == dataset.target)
        stream = replace(stream, asks=torch.where(asked, stream.asks, -1))
        closed = torch.from_numpy(dataset.untrained_items)
        wanted = Wanted(asked, *self._following(stream.values[:, 1:], asked), closed)
        if self.config.loss != "softmax":
            generator = torch.Generator().manual_seed(seeds.number(seed, "negatives", step))
            wanted = self._sampled(dataset, wanted, generator)
        return stream, wanted

    def _following(self, values: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
        """Items (N, K) and weights (N, K) of each ask; later ones weigh less, those of other kinds nothing."""
        items, weights = [], []
        for ahead in range(min(self.config.horizon, values.shape[1])):
            items.append(F.pad(values[:, ahead:], (0, ahead))[asked])
            there = F.pad(asked[:, ahead:], (0, ahead))[asked]
            weights.append(self.config.fade**ahead * there)
        return torch.stack(items, dim=1), torch.stack(weights, dim=1)

    def _sampled(self, dataset: Dataset, wanted: Wanted, generator: torch.Generator) -> Wanted:
        negatives = self._drawer(dataset)
        groups = math.ceil(len(wanted.items) / self.config.share) if self.config.share else 1
        drawn = negatives.draw((max(groups, 1), self.config.negatives), generator)
        return replace(wanted, drawn=drawn, odds=negatives.log_odds(drawn) if self.config.popularity else None)

    def _drawer(self, dataset: Dataset) -> Negatives:
        if self._negatives is None or self._negatives[0] is not dataset:
            counts = torch.from_numpy(dataset.item_counts)
            self._negatives = dataset, Negatives(counts, self.config.popularity)
        return self._negatives[1]

    def begin(self, model: Model) -> None:
        """See that the views are there.

        Raises:
            InputError: no tower of the model reads one of them.
        """
        if not self.config.views:
            return
        first = torch.zeros(1, dtype=torch.int64, device=next(model.parameters()).device)
        read = {name for tower in _towers(model) for name in tower.parts(first)}
        if lacking := [view for view in self.config.views if view not in read]:
            raise InputError(
                f"task next_item: views: {type(model).__name__} does not read {', '.join(lacking)}; it reads "
                f"{', '.join(sorted(read))}; add it to the modalities of the items"
            )

    def loss(self, model: Model, stream: Stream, target: Wanted) -> Tensor:
        """A scalar, 1 for a model that knows nothing; of items it sees the views alone."""
        with _seeing(model, self.config.views):
            return self._loss(model, stream, target)

    def _loss(self, model: Model, stream: Stream, target: Wanted) -> Tensor:
        assert isinstance(model, Factored)
        vectors = model.vectors(model.encode(stream))[target.asked]
        if target.drawn is None:
            every, smoothing = model.catalogue(), self.config.smoothing
            loss = losses.full_softmax(vectors, every, target.items, target.weights, smoothing, target.closed)
            return loss / math.log(len(every))
        right = (model.catalogue(target.items) @ vectors.unsqueeze(-1)).squeeze(-1)
        others = self._others(model, vectors, target)
        if self.config.loss == "sampled":
            return losses.sampled_softmax(right, others, target.weights) / math.log(1 + others.shape[1])
        return self._gbce(right, others, target.weights) / self._gbce(
            right.new_zeros(1, 1), others.new_zeros(1, others.shape[1]), target.weights.new_ones(1, 1)
        )

    def _others(self, model: Factored, vectors: Tensor, target: Wanted) -> Tensor:
        """(N, M) logits of the items drawn for the group of each ask."""
        assert target.drawn is not None
        groups, count = len(target.drawn), len(vectors)
        size = math.ceil(count / groups)
        grouped = F.pad(vectors, (0, 0, 0, groups * size - count)).view(groups, size, -1)
        others = torch.bmm(grouped, model.catalogue(target.drawn).transpose(1, 2)).flatten(0, 1)[:count]
        if target.odds is not None:
            others = others - target.odds.repeat_interleave(size, 0)[:count]
        return losses.without_targets(others, target.items, target.drawn.repeat_interleave(size, 0)[:count])

    def _gbce(self, right: Tensor, others: Tensor, weights: Tensor) -> Tensor:
        return losses.gbce(right, others, weights, self.setting.items.count, self.config.calibration)


def _towers(model: Model) -> list[Tower]:
    return [module for module in model.modules() if isinstance(module, Tower)]


@contextmanager
def _seeing(model: Model, views: tuple[str, ...]) -> Iterator[None]:
    """A block in which the towers read some modalities only; empty: all."""
    towers = _towers(model) if views else []
    before = [tower.only for tower in towers]
    try:
        for tower in towers:
            tower.only = views
        yield
    finally:
        for tower, only in zip(towers, before, strict=True):
            tower.only = only
