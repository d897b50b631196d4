"""Trains a model on a world through the real pipeline, and measures how much of the way it went."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from p5rec.contracts import Bound, Estimates, Metric, Model, Responder, Setting, Solved, Task
from p5rec.core.config import build
from p5rec.data.dataset import Dataset
from p5rec.evaluation.evaluate import evaluate
from p5rec.testing.making import FOLDERS, fresh, setting, small, taken, task
from p5rec.testing.worlds import World
from p5rec.training.fit import TrainConfig, fit

PACE: dict[str, Any] = {"epochs": 60, "rate": 0.003, "patience": 8, "warmup": 10}  # a few seconds a world


def taught(plug: type[Model], world: World, settings: Mapping[str, Any] | None = None, **pace: Any) -> Model:
    """A small model that has learned a world by the tasks it names, early stopping on validation.

    Args:
        plug: the model's class.
        world: what to learn.
        settings: of the model, over those that make it small.
        pace: of training, over `PACE`.
    """
    made_for = setting(world.dataset, world.modalities, world.fusion)
    wide = {} if issubclass(plug, Solved) else taken(plug, {"width": 32})  # a solved model of full rank learns by heart
    model: Model = fresh(plug, made_for, small(plug, **{**wide, **(settings or {})}))
    if isinstance(model, Bound):
        model.bind(world.dataset)
    if isinstance(model, Solved):
        model.solve(world.dataset)
    else:
        _train(model, world, made_for, {**PACE, **pace})
    return model.eval()


def _train(model: Model, world: World, made_for: Setting, pace: dict[str, Any]) -> None:
    tasks = {name: _task(name, made_for, settings) for name, settings in model.learns.items()}
    weights = dict.fromkeys(tasks, 1.0)
    balance, tuning = FOLDERS["balance"].load("fixed"), FOLDERS["tuning"].load("full")
    fit(
        model,
        tasks,
        world.dataset,
        build(TrainConfig, pace),
        weights=weights,
        balance=balance(balance.Config(), weights),
        tuning=tuning(tuning.Config()),
        validate=_validator(world),
    )


def _task(name: str, made_for: Setting, settings: Mapping[str, Any]) -> Task:
    plug = FOLDERS["task"].load(name)
    made: Task = task(plug, made_for, **{**taken(plug, {"positions": 1024}), **settings})
    return made


def _validator(world: World) -> Callable[[Model], float]:
    """The world's first metric on the validation rows; more is better."""
    name = next(iter(world.best))
    sign = 1 if metric(name, world.dataset).higher else -1
    return lambda model: sign * measured(model, world, "valid")[name]


def measured(model: Model, world: World, part: Any = "test") -> dict[str, float]:
    """All metrics that the world has a promise of, by the real evaluation."""
    queries, truth = world.dataset.held_out(part)
    metrics = {name: made for name in world.best if (made := metric(name, world.dataset)) is not None}
    return evaluate(ranker(model, world), queries, truth, metrics).values


def ranker(model: Model, world: World) -> Responder:
    """The responder of a model in its world: numbers where ratings are asked, else lists."""
    if "rmse" in world.best and isinstance(model, Estimates):
        return _wrap("estimator", {"model": model}, world.dataset)
    plain = _wrap("scorer", {"model": model}, world.dataset)
    return _wrap("unseen", {"scorer": plain}, world.dataset, seen="include" if world.seen else "exclude")


def _wrap(name: str, inner: Mapping[str, Any], dataset: Dataset, **settings: Any) -> Responder:
    plug = FOLDERS["responder"].load(name)
    made: Responder = plug(build(plug.Config, settings), inner, dataset)
    return made


def metric(name: str, dataset: Dataset) -> Metric | Any:
    """A metric by its name in the report, e.g. ``recall@10``; None where there is no such plug."""
    plain, _, k = name.partition("@")
    if plain not in FOLDERS["metric"].names():
        return None
    plug = FOLDERS["metric"].load(plain)
    return plug(build(plug.Config, {"k": int(k)} if k else {}), dataset)
