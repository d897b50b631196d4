"""Users and items of training events as edges of a graph: what belongs to a user, whatever the order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from p5rec.blocks.stream import Stream
from p5rec.collate import collate
from p5rec.contracts import Dataset, Factored, Model, Queries, Setting, Task
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.data.ragged import Ragged, column, columns

PASS, SMALL = 40, 256  # batches a pass has at least, where that leaves each of them so many pairs
TRIES = 8  # draws of a negative until it is none of the user's own; what is left stays


class EdgeConfig(Config):
    """Settings of edge."""

    loss: Literal["softmax", "sampled", "bpr"] = Field(
        "softmax", description="softmax over the whole catalogue, over a sample of it, or one item against another"
    )
    pairs: int = Field(2048, ge=1, description="events of a batch; fewer where data is small")
    negatives: int = Field(1024, ge=1, description="items that all pairs of a batch are told from (sampled)")
    hide: bool = Field(True, description="the event itself is taken out of the history that is read")
    shuffle: bool = Field(
        False, description="histories in random order, for models that read order where there is none"
    )
    unknown: float = Field(0.1, ge=0, lt=1, description="share of pairs whose user is hidden, as new users are")


@dataclass(frozen=True)
class Wanted:
    """What was right.

    Attributes:
        items: (B,) the item of each pair.
        row, own: (N,) pairs of the batch and items of their users, which are never negatives; empty where each pair
            has a draw of its own.
        closed: items that occur in no training row; no negatives either, so that content may speak for them.
        drawn: (M,) negatives of all pairs, or (B, 1) of each; None: the whole catalogue.
    """

    items: Tensor
    row: Tensor
    own: Tensor
    closed: Tensor
    drawn: Tensor | None = None


class Edge(Task):
    """Each training event of the kind to be predicted against items the user has not, given all the user's others.

    With ``loss = "bpr"`` and ``hide = false`` it is the task of LightGCN as published (Rendle et al. 2009; He et al.
    2020).
    """

    Config = EdgeConfig
    needs = (Factored,)

    config: EdgeConfig

    def __init__(self, config: EdgeConfig, setting: Setting) -> None:
        super().__init__(config, setting)
        self._kept: tuple[Dataset, np.ndarray, np.ndarray] | None = None
        self._keys: tuple[Dataset, np.ndarray] | None = None

    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass.

        Raises:
            InputError: no training event is of the kind to be predicted.
        """
        events = len(self._events(dataset)[0])
        return -(-events // min(self.config.pairs, max(events // PASS, SMALL)))

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Wanted]:
        """Events in random order."""
        users, places = self._events(dataset)
        steps = self.steps(dataset)
        chosen = seeds.rng(seed, "edge", step // steps).permutation(len(users))[step % steps :: steps]
        rng = seeds.rng(seed, "edge draws", step)
        queries = self._queries(dataset, users[chosen], places[chosen], rng)
        return collate(queries, model.length), self._wanted(dataset, users[chosen], places[chosen], rng)

    def _events(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """User and place of each training event of the wanted kind."""
        if self._kept is None or self._kept[0] is not dataset:
            users, places = dataset.history("train").places()
            wanted = dataset.events["kind"][places] == dataset.target
            if not wanted.any():
                raise InputError("task edge: no training row is of the kind to be predicted; choose another split")
            self._kept = dataset, users[wanted], places[wanted]
        return self._kept[1:]

    def _queries(self, dataset: Dataset, users: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> Queries:
        """All that is known of each user, the event itself left out."""
        row, place = dataset.history("train", users).places()
        kept = place != places[row] if self.config.hide else np.ones(len(place), dtype=bool)
        row, place = row[kept], place[kept]
        if self.config.shuffle:
            place = place[np.lexsort((rng.random(len(place)), row))]
        stops = np.cumsum(np.bincount(row, minlength=len(users)))
        rows = Ragged(place, np.concatenate([[0], stops[:-1]]), stops)
        side = {name: values[place] for name, values in dataset.events.items() if name != "item"}
        now = {name: values[places] for name, values in dataset.events.items() if name not in ("item", "label")}
        unknown = rng.random(len(users)) < self.config.unknown
        return Queries(
            users=np.where(unknown, -1, users),
            history=column(rows, dataset.events["item"][place]),
            side=columns(rows, side),
            context=now,
        )

    def _wanted(self, dataset: Dataset, users: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> Wanted:
        items = dataset.events["item"][places].astype(np.int64)
        row, own = (np.zeros(0, dtype=np.int64),) * 2
        drawn, trained = None, np.setdiff1d(np.arange(dataset.n_items), dataset.untrained_items)
        if self.config.loss == "bpr":
            drawn = self._one_each(dataset, users, trained, rng)
        else:
            row, place = dataset.history("train", users).places()
            same = dataset.events["kind"][place] == dataset.target
            row, own = row[same], dataset.events["item"][place[same]].astype(np.int64)
        if self.config.loss == "sampled":
            drawn = rng.permutation(trained)[: self.config.negatives]
        return Wanted(
            items=torch.from_numpy(items),
            row=torch.from_numpy(row),
            own=torch.from_numpy(own),
            closed=torch.from_numpy(dataset.untrained_items),
            drawn=None if drawn is None else torch.from_numpy(drawn),
        )

    def _one_each(
        self, dataset: Dataset, users: np.ndarray, trained: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(B, 1) an item of training for each user that is none of the user's own."""
        keys = self._pairs(dataset)
        drawn = rng.choice(trained, len(users))
        for _ in range(TRIES):
            wanted = users * dataset.n_items + drawn
            taken = np.flatnonzero(keys[np.searchsorted(keys, wanted).clip(max=len(keys) - 1)] == wanted)
            drawn[taken] = rng.choice(trained, len(taken))
        return drawn[:, None]

    def _pairs(self, dataset: Dataset) -> np.ndarray:
        """(N,) user · V + item of all training events of the wanted kind, sorted."""
        if self._keys is None or self._keys[0] is not dataset:
            users, places = self._events(dataset)
            self._keys = dataset, np.unique(users * dataset.n_items + dataset.events["item"][places])
        return self._keys[1]

    def loss(self, model: Model, stream: Stream, target: Wanted) -> Tensor:
        """A scalar, 1 for a model that tells nothing apart."""
        state, items = model.encode(stream), target.items.unsqueeze(1)
        right = model.score(state, items)[:, 0]
        if target.drawn is not None and target.drawn.dim() == 2:
            return F.softplus(model.score(state, target.drawn)[:, 0] - right).mean() / math.log(2)
        scores = model.score(state, target.drawn)[:, 0]
        logits = torch.cat([right, scores.masked_fill(_ruled_out(target, scores), -torch.inf)], dim=1).float()
        told_from = len(target.drawn) + 1 if target.drawn is not None else scores.shape[1] - len(target.closed)
        return (logits.logsumexp(1) - logits[:, 0]).mean() / math.log(max(told_from, 2))


def _ruled_out(target: Wanted, scores: Tensor) -> Tensor:
    """(B, M) bool, like the scores: columns that are no negatives of a pair."""
    out = torch.zeros_like(scores, dtype=torch.bool)
    if target.drawn is None:
        out[:, target.closed] = True
        out[target.row, target.own] = True
        return out
    place = target.own.new_full((int(max(target.own.max(), target.drawn.max())) + 1,), -1)
    place[target.drawn] = torch.arange(len(target.drawn), device=place.device)
    column = place[target.own]
    out[target.row[column >= 0], column[column >= 0]] = True
    return out
