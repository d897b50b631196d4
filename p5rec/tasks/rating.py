"""The label of a user for an item."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
from p5rec.data.windows import Plan


class RatingConfig(Config):
    """Settings of rating."""

    batch: int = Field(1024, ge=1, description="events of a batch")
    unknown: float = Field(0.02, ge=0, lt=1, description="share of rows whose user is hidden, as new users are")
    everywhere: bool = Field(False, description="ask at every place of a history at once: causal models that read them")
    window: int = Field(200, ge=1, description="longest window of a history for models that read any length")


@dataclass(frozen=True)
class Labelled:
    """What was right.

    Attributes:
        items: (B, A, 1) the item of each ask.
        labels: (B, A) their labels, NaN where there is none.
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
        self._plan = Plan(config.batch) if config.everywhere else None
        self._kept: tuple[Dataset, np.ndarray, np.ndarray, float] | None = None

    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass.

        Raises:
            InputError: no training row has a label.
        """
        events = len(self._events(dataset)[0])
        return self._plan.steps(dataset) if self._plan else max(1, -(-events // self.config.batch))

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Labelled]:
        """Events in random order, each asked behind its user's training events before it."""
        if self._plan is not None:
            return self._everywhere(self._plan, dataset, model, seed, step)
        users, places, variance = self._events(dataset)
        steps = self.steps(dataset)
        order = seeds.rng(seed, "rating", step // steps).permutation(len(users))
        chosen = order[step % steps :: steps]
        hidden = seeds.rng(seed, "unknown", step).random(len(chosen)) < self.config.unknown
        stream = collate(self._queries(dataset, users[chosen], places[chosen], hidden), model.length)
        items, labels = (np.asarray(dataset.events[name][places[chosen]]) for name in ("item", "label"))
        given = torch.from_numpy(items.astype(np.int64))[:, None, None], torch.from_numpy(labels)[:, None]
        return stream, Labelled(*given, variance)

    def _everywhere(self, plan: Plan, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Labelled]:
        """Windows of like length, asked at each item for its label.

        Raises:
            InputError: the model is not causal, so that it would see the label.
        """
        if not model.causal:
            raise InputError(
                f"task rating asks at every place at once, so it needs a causal model, and {type(model).__name__} is "
                "not; set everywhere = false"
            )
        queries = plan.queries(dataset, self.config.window if model.length is None else model.length - 1, seed, step)
        hidden = seeds.rng(seed, "unknown", step).random(len(queries)) < self.config.unknown
        stream = collate(replace(queries, users=np.where(hidden, -1, queries.users)), model.length, asks="every")
        labels = stream.outcome["label"][:, 1:].masked_fill(stream.asks < 0, torch.nan)
        return stream, Labelled(stream.values[:, 1:, None], labels, self._events(dataset)[2])

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
        given = model.estimate(model.encode(stream), target.items)[..., 0].float()
        known = target.labels.isfinite()
        return (given[known] - target.labels[known]).square().mean() / target.variance
