"""The one way to train: pretraining, many tasks, fine-tuning are this call with other tasks, weights and tuning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from p5rec.contracts import Balance, Dataset, Model, Task, Tuning
from p5rec.core import seed as seeds
from p5rec.core.errors import InputError, MissingExtra
from p5rec.training import state
from p5rec.training.config import TrainConfig
from p5rec.training.history import History
from p5rec.training.run import Run
from p5rec.training.turns import Turns, balanced

__all__ = ["History", "TrainConfig", "balanced", "fit"]


def fit(
    model: Model,
    tasks: Mapping[str, Task],
    dataset: Dataset,
    config: TrainConfig,
    *,
    weights: Mapping[str, float],
    balance: Balance,
    tuning: Tuning,
    validate: Callable[[Model], float] | None = None,
    watch: Callable[[History], None] | None = None,
    folder: Path | None = None,
    seed: int = 0,
    loggers: Sequence[Any] = (),
) -> History:
    """Train a model on tasks; it ends in evaluation mode with its best weights.

    Args:
        model: untrained, or trained before.
        tasks: by name; each gives a batch to every step, or to those it is drawn for (``config.turns``).
        dataset: only its training rows are looked at.
        config: the settings.
        weights: of the tasks: what turns are drawn by, and what a state to resume from must agree in.
        balance: makes one gradient out of the losses; built with ``balanced(weights, config.turns)``.
        tuning: opens parameters; what it adds is merged when the run is over.
        validate: a score of the model, more is better; without it there is no early stopping.
        watch: sees the curves after each validation, and may end the run by raising.
        folder: where states to resume from are kept until the run is over; None keeps none.
        seed: of every draw.
        loggers: as `p5rec.training.loggers.build` makes them.

    Returns:
        The curves, and why it stopped.

    Raises:
        InputError: nothing is open to training, or the tasks cannot take turns.
        MissingExtra: lightning is not installed.
        P5Error: a loss is no number any more.
    """
    if find_spec("lightning") is None:
        raise MissingExtra("lightning", "train", "training")
    from p5rec.training.loop import drive  # a serving process reads TrainConfig and must not load lightning

    turns = _turns(tasks, weights, config, balance, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.number(seed, "open"))
        tuning.open(model)
    made_of = _fingerprint(model, tasks, dataset, config, weights, seed, balance, tuning)
    with torch.random.fork_rng(devices=[]):
        run = Run(model, tasks, dataset, config, turns, balance, validate, folder, seed, loggers, made_of, watch)
        run.resume()
        run.all.train()
        drive(run)
        history = run.finish()
    tuning.close(model)
    for logger in loggers:
        logger.finalize("success")
    if folder:
        state.remove(folder)
    return history


def _turns(
    tasks: Mapping[str, Task], weights: Mapping[str, float], config: TrainConfig, balance: Balance, seed: int
) -> Turns:
    if config.turns == "each" and balance.together:
        raise InputError(
            f"train.turns: the balance {type(balance).__name__.lower()} needs the losses of all tasks in each step; "
            "set train.turns = 'all', or take balance = 'fixed'"
        )
    return Turns({name: weights.get(name, 1.0) for name in tasks}, config.turns, seed)


def _fingerprint(
    model: Model,
    tasks: Mapping[str, Task],
    dataset: Dataset,
    config: TrainConfig,
    weights: Mapping[str, float],
    seed: int,
    *plugs: Balance | Tuning,
) -> str:
    """What a state must agree in to be gone on from; how long to train and how often to save may differ."""
    free = {"seconds", "save_every", "patience"}
    settings = [config.model_dump(mode="json", exclude=free), dict(weights), seed, type(model).__name__]
    settings += [[name, type(task).__name__] for name, task in tasks.items()]
    settings += [type(plug).__name__ for plug in plugs]
    for owner in (model, *tasks.values(), *plugs):
        own = getattr(owner, "config", None)
        settings.append(own.model_dump(mode="json") if own is not None else None)
    settings.append([[name, list(p.shape), p.requires_grad] for name, p in model.named_parameters()])
    rows = hashlib.blake2b(dataset.history("train").flat()[1].tobytes(), digest_size=8).hexdigest()
    return hashlib.blake2b(json.dumps([settings, rows]).encode(), digest_size=16).hexdigest()
