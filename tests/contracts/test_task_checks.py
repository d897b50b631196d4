"""The checks of tasks have teeth: each sees a task that breaks just its promise."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from p5rec.contracts import Dataset, Queries, Setting, Stream, Task, collate
from p5rec.core.config import Config
from p5rec.data.ragged import Ragged
from p5rec.testing.checks import tasks


def caught(check: Callable[[type], None], plug: type) -> None:
    with pytest.raises(AssertionError):
        check(plug)


class Fair(Task):
    """The last training item of some users, by softmax."""

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__(config, setting)

    def steps(self, dataset: Dataset) -> int:
        return 4

    def chosen(self, dataset: Dataset, seed: int, step: int) -> np.ndarray:
        able = np.flatnonzero(dataset.history("train").lengths > 1)
        return np.random.default_rng([seed, step]).choice(able, 8)

    def rows(self, dataset: Dataset, users: np.ndarray) -> Ragged:
        return dataset.history("train", users)

    def batch(self, dataset: Dataset, model: Any, seed: int, step: int) -> tuple[Stream, Tensor]:
        rows = self.rows(dataset, self.chosen(dataset, seed, step))
        before = replace(rows, stops=rows.stops - 1)
        return collate(Queries.of(list(before)), model.length), torch.tensor([int(row[-1]) for row in rows])

    def loss(self, model: Any, stream: Stream, target: Tensor) -> Tensor:
        scores = model.score(model.encode(stream))[:, 0]
        return torch.nn.functional.cross_entropy(scores, target) / np.log(scores.shape[1])


class LeaksTheTest(Fair):
    def rows(self, dataset: Dataset, users: np.ndarray) -> Ragged:
        return dataset.history("test", users)


class DrawsGlobally(Fair):
    def chosen(self, dataset: Dataset, seed: int, step: int) -> np.ndarray:
        return np.random.permutation(super().chosen(dataset, seed, step))


class CountsItsCalls(Fair):
    def chosen(self, dataset: Dataset, seed: int, step: int) -> np.ndarray:
        self.calls = getattr(self, "calls", 0) + 1
        return super().chosen(dataset, seed, self.calls)


class NeverChanges(Fair):
    def chosen(self, dataset: Dataset, seed: int, step: int) -> np.ndarray:
        return super().chosen(dataset, 0, 0)


class Shouts(Fair):
    def loss(self, model: Any, stream: Stream, target: Tensor) -> Tensor:
        return super().loss(model, stream, target) * 100


class Deaf(Fair):
    def loss(self, model: Any, stream: Stream, target: Tensor) -> Tensor:
        return 1 + 0 * super().loss(model, stream, target)


@pytest.mark.parametrize("check", tasks.CHECKS, ids=lambda check: check.__name__)
def test_a_fair_task_passes(check: Callable[[type], None]) -> None:
    check(Fair)


@pytest.mark.parametrize(
    ("plug", "check"),
    [
        (LeaksTheTest, tasks.batches_know_no_held_out_row),
        (DrawsGlobally, tasks.batches_are_pure),
        (CountsItsCalls, tasks.batches_are_pure),
        (NeverChanges, tasks.batches_are_pure),
        (Shouts, tasks.losses_are_about_one),
        (Deaf, tasks.losses_teach),
    ],
)
def test_a_broken_task_is_seen(plug: type, check: Callable[[type], None]) -> None:
    caught(check, plug)
