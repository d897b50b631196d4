"""The company of an item, and of a piece of a history: what stands near it, and which other piece is of that user."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from p5rec.blocks import losses
from p5rec.blocks.contrast import in_batch
from p5rec.blocks.stream import Stream
from p5rec.collate import collate
from p5rec.contracts import Dataset, Factored, Model, Queries, Setting, StepsAside, Task
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.data.ragged import Ragged


class ContextConfig(Config):
    """Settings of context."""

    rows: int = Field(256, ge=1, description="items of a batch whose neighbours are asked for")
    window: int = Field(3, ge=1, description="neighbours of an item are at most so many events away")
    users: int = Field(64, ge=0, description="users of a batch, two segments of each; 0: neighbours alone")
    longest: int = Field(10, ge=1, description="events of a segment")
    temperature: float = Field(0.1, gt=0, description="of the cosines of segments; smaller is sharper")


@dataclass(frozen=True)
class Near:
    """What was right.

    Attributes:
        items: (N, K) neighbours of the items of the first N rows.
        weights: (N, K) 1 for each, 0 where there is none.
        closed: items that occur in no training row.
    """

    items: Tensor
    weights: Tensor
    closed: Tensor


class Context(Task):
    """Neighbours by softmax over the catalogue (skip-gram; Mikolov et al. 2013), segments by contrast in the batch.

    The rows of a stream: N items alone, then the first segments of M users, then their second ones; no user is told.
    """

    Config = ContextConfig
    needs = (Factored,)

    config: ContextConfig

    def __init__(self, config: ContextConfig, setting: Setting) -> None:
        super().__init__(config, setting)
        self._kept: tuple[Dataset, np.ndarray, np.ndarray] | None = None
        self.head: nn.Module = nn.Identity()

    def begin(self, model: Model) -> None:
        """A projection, so that states of one user may still differ in what comes next."""
        assert isinstance(model, Factored)
        first = model.catalogue(torch.zeros(1, dtype=torch.int64, device=next(model.parameters()).device))
        self.head = nn.Linear(first.shape[-1], first.shape[-1]).to(first.device)

    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass over the training events that have a neighbour.

        Raises:
            StepsAside: none has.
        """
        return max(1, -(-len(self._events(dataset)[1]) // self.config.rows))

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Near]:
        """Events in random order, and users at random."""
        users, places = self._events(dataset)
        steps = self.steps(dataset)
        chosen = seeds.rng(seed, "context", step // steps).permutation(len(places))[step % steps :: steps]
        users, places = users[chosen], places[chosen]
        first, second = self._segments(dataset, seeds.rng(seed, "segments", step))
        starts = np.concatenate([places, first.starts, second.starts])
        history = Ragged(first.values, starts, np.concatenate([places + 1, first.stops, second.stops]))
        wanted = {"kind": np.full(len(starts), dataset.target)} if len(dataset.kinds) > 1 else {}
        queries = Queries(np.full(len(starts), -1), history, dataset.side(history), context=wanted)
        return collate(queries, model.length), self._near(dataset, users, places)

    def _events(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """User and place of each training event with a neighbour of the kind to be predicted."""
        if self._kept is None or self._kept[0] is not dataset:
            rows = dataset.history("train")
            users, places = rows.places()
            right = np.concatenate([[0], np.cumsum(dataset.events["kind"] == dataset.target)])
            begin = np.maximum(rows.starts[users], places - self.config.window)
            end = np.minimum(rows.stops[users], places + self.config.window + 1)
            near = right[end] - right[begin] - (right[places + 1] - right[places])
            self._kept = dataset, users[near > 0], places[near > 0]
        if not len(self._kept[2]):
            raise StepsAside("task context asks for neighbours, and no training history has two events")
        return self._kept[1:]

    def _near(self, dataset: Dataset, users: np.ndarray, places: np.ndarray) -> Near:
        """The items up to `window` events before and behind."""
        rows, away = dataset.history("train", users), np.arange(1, self.config.window + 1)
        beside = places[:, None] + np.concatenate([-away[::-1], away])
        there = (beside >= rows.starts[:, None]) & (beside < rows.stops[:, None])
        beside = np.where(there, beside, places[:, None])
        there &= dataset.events["kind"][beside] == dataset.target
        items = torch.from_numpy(dataset.events["item"][beside].astype(np.int64))
        return Near(items, torch.from_numpy(there).float(), torch.from_numpy(dataset.untrained_items))

    def _segments(self, dataset: Dataset, rng: np.random.Generator) -> tuple[Ragged, Ragged]:
        """Two segments of each of some users, which meet at a random place."""
        rows = dataset.history("train")
        able = np.flatnonzero(rows.lengths > 1)
        rows = rows.rows(rng.permutation(able)[: self.config.users])
        place, longest = rows.starts + rng.integers(1, np.maximum(rows.lengths, 2)), self.config.longest
        return (
            Ragged(rows.values, np.maximum(rows.starts, place - longest), place),
            Ragged(rows.values, place, np.minimum(rows.stops, place + longest)),
        )

    def loss(self, model: Model, stream: Stream, target: Near) -> Tensor:
        """A scalar, 1 for a model that knows nothing."""
        assert isinstance(model, Factored)
        vectors, count = model.vectors(model.encode(stream))[:, 0], len(target.items)
        every = model.catalogue()
        near = losses.full_softmax(vectors[:count], every, target.items, target.weights, 0.0, target.closed)
        near = near / math.log(len(every))
        if len(vectors) < count + 4:  # a single user is told from nobody
            return near
        first, second = F.normalize(self.head(vectors[count:]), dim=-1).chunk(2)
        return (near + in_batch(first @ second.T / self.config.temperature)) / 2
