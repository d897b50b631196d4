"""The label of a user for an item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec.blocks.stream import Stream
from p5rec.collate import collate
from p5rec.contracts import Dataset, Estimates, Model, Queries, Setting, Task
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.data.events import Part
from p5rec.data.ragged import Ragged


class RatingConfig(Config):
    """Settings of rating."""

    batch: int = Field(1024, ge=1, description="events of a batch")
    unknown: float = Field(0.02, ge=0, lt=1, description="share of rows whose user is hidden, as new users are")


@dataclass(frozen=True)
class Labelled:
    """What was right.

    Attributes:
        items: (B, 1) the items.
        labels: (B,) their labels.
        variance: of the labels of all training rows, 1 where they are all alike.
    """

    items: Tensor
    labels: Tensor
    variance: float


class Rating(Task):
    """Squared error of the estimate of each training event, given what stood before it."""

    Config = RatingConfig
    needs = (Estimates,)

    config: RatingConfig

    def __init__(self, config: RatingConfig, setting: Setting) -> None:
        super().__init__(config, setting)
        self._kept: tuple[Dataset, np.ndarray, np.ndarray, float] | None = None

    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass.

        Raises:
            InputError: no training row has a label.
        """
        return max(1, -(-len(self._events(dataset)[0]) // self.config.batch))

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Labelled]:
        """Events in random order, each asked behind its user's training events before it."""
        users, places, variance = self._events(dataset)
        steps = self.steps(dataset)
        order = seeds.rng(seed, "rating", step // steps).permutation(len(users))
        chosen = order[step % steps :: steps]
        hidden = seeds.rng(seed, "unknown", step).random(len(chosen)) < self.config.unknown
        stream = collate(self._queries(dataset, users[chosen], places[chosen], hidden), model.length)
        items, labels = (np.asarray(dataset.events[name][places[chosen]]) for name in ("item", "label"))
        return stream, Labelled(torch.from_numpy(items.astype(np.int64))[:, None], torch.from_numpy(labels), variance)

    def _events(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray, float]:
        """User and place of each labelled training event, and the variance of the labels."""
        if self._kept is None or self._kept[0] is not dataset:
            users, places = dataset.history("train").places()
            labels = dataset.events["label"][places]
            known = np.isfinite(labels)
            if not known.any():
                raise InputError("task rating: no training row has a label; give the data a label column")
            variance = float(labels[known].astype(np.float64).var()) or 1.0
            self._kept = dataset, users[known], places[known], variance
        return self._kept[1:]

    @staticmethod
    def _queries(dataset: Dataset, users: np.ndarray, places: np.ndarray, hidden: np.ndarray) -> Queries:
        """What was known just before each event."""
        history = Ragged(dataset.events["item"], dataset.bounds[users, Part.TRAIN], places)
        others = {name: values[places] for name, values in dataset.events.items() if name not in ("item", "label")}
        return Queries(np.where(hidden, -1, users), history, dataset.side(history), context=others)

    def loss(self, model: Model, stream: Stream, target: Labelled) -> Tensor:
        """A scalar, 1 for a model that knows the mean only."""
        assert isinstance(model, Estimates)
        given = model.estimate(model.encode(stream), target.items)[:, 0, 0].float()
        return (given - target.labels).square().mean() / target.variance
