"""A small world, a model and the call that trains it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from p5rec.contracts import Balance, Dataset, Model, Task
from p5rec.core.config import Config
from p5rec.models.sasrec import Sasrec, SasrecConfig
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.testing.making import setting
from p5rec.testing.worlds import markov
from p5rec.training.balance.fixed import Fixed
from p5rec.training.fit import History, TrainConfig, balanced, fit
from p5rec.training.tuning.full import Full

Train = Callable[..., tuple[History, Model]]


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return markov(users=120, items=20, length=10).dataset


@pytest.fixture
def train(dataset: Dataset) -> Train:
    """Trains a fresh small sasrec with dropout; settings of training by name."""

    def run(
        validate: Any = None,
        watch: Any = None,
        folder: Path | None = None,
        loggers: Any = (),
        tuning: Any = None,
        model: Model | None = None,
        tasks: dict[str, Task] | None = None,
        balance: Balance | None = None,
        weights: dict[str, float] | None = None,
        seed: int = 0,
        **settings: Any,
    ) -> tuple[History, Model]:
        made_for = setting(dataset)
        torch.manual_seed(1)
        model = model or Sasrec(SasrecConfig(width=16, dropout=0.2, length=12), made_for)
        tasks = tasks or {"next_item": NextItem(NextItemConfig(positions=256), made_for)}
        config = TrainConfig(**{"epochs": 3, "precision": "float32", "warmup": 3, "rate": 0.01, **settings})
        history = fit(
            model,
            tasks,
            dataset,
            config,
            weights=weights or dict.fromkeys(tasks, 1.0),
            balance=balance or Fixed(Config(), balanced(weights or dict.fromkeys(tasks, 1.0), config.turns)),
            tuning=tuning or Full(Config()),
            validate=validate,
            watch=watch,
            folder=folder,
            seed=seed,
            loggers=loggers,
        )
        return history, model

    return run
