"""What every task promises: batches that are a pure function of training rows, and a loss that teaches."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from p5rec.blocks.stream import Kind, Stream
from p5rec.contracts import Bound, Model, Task, Taught
from p5rec.data.dataset import Dataset
from p5rec.testing.making import every, fresh, ranker, setting, task
from p5rec.testing.sample import poisoned, sample

STEPS = 12  # steps compared; the sample has few more


def student(plug: type[Task], name: str = "") -> type[Model]:
    """The model a task is made for: one that learns it by default, else any with the powers it needs.

    Raises:
        LookupError: no model of the house can learn it.
    """
    able = [model for _, model in every("model") if all(issubclass(model, power) for power in plug.needs)]
    by_name = [model for model in able if (name or plug.__module__.rpartition(".")[2]) in model.learns]
    trained = [model for model in able if any(True for _ in fresh(model, setting(sample())).parameters())]
    for model in (*by_name, *trained):
        return model
    raise LookupError(f"no model has the powers that {plug.__name__} needs")


class Lesson:
    """A task, a student and some data."""

    def __init__(self, plug: type[Task], dataset: Dataset | None = None) -> None:
        self.dataset = dataset or sample()
        self.made_for = setting(self.dataset)
        self.model: Model = fresh(student(plug), self.made_for)
        if isinstance(self.model, Bound):
            self.model.bind(self.dataset)
        self.task: Task = task(plug, self.made_for)
        self.begin()

    def begin(self) -> None:
        """Make the task ready: one that is taught hears what item-to-item neighbours answer."""
        if isinstance(self.task, Taught):
            self.task.hear(self.dataset, self.task.ask(self.dataset, ranker("itemknn", self.dataset)))
        self.task.begin(self.model)

    def batch(self, step: int, seed: int = 0) -> tuple[Stream, Any]:
        """The data of one step."""
        return self.task.batch(self.dataset, self.model, seed, step)

    def loss(self, stream: Stream, target: Any) -> Tensor:
        """The loss in training mode."""
        self.model.train()
        if isinstance(self.model, Bound):
            self.model.refresh()
        return self.task.loss(self.model, stream, target)

    @property
    def steps(self) -> range:
        """The first steps of a pass."""
        return range(min(self.task.steps(self.dataset), STEPS))


def batches_are_pure(plug: type[Task]) -> None:
    """Same arguments, same tensors, in any order of calls; other steps and seeds, other tensors; no global draw."""
    lesson, other = Lesson(plug), Lesson(plug)
    draws = torch.get_rng_state(), _numpy_draws()
    forward = [lesson.batch(step) for step in lesson.steps]
    backward = [other.batch(step) for step in reversed(lesson.steps)][::-1]
    for first, second in zip(forward, backward, strict=True):
        assert same(first, second), "a batch depends on the calls before it"
    assert torch.equal(torch.get_rng_state(), draws[0]), "a batch draws from torch's own generator"
    assert np.array_equal(_numpy_draws(), draws[1]), "a batch draws from numpy's own generator"
    assert not same(lesson.batch(0, seed=0), lesson.batch(0, seed=1)), "the seed changes nothing"
    last = lesson.task.steps(lesson.dataset)
    assert not same(lesson.batch(0), lesson.batch(last)), "the second pass is the first again"


def _numpy_draws() -> np.ndarray:
    """The state of numpy's global generator."""
    state: tuple[Any, ...] = np.random.get_state(legacy=True)  # type: ignore[assignment]
    return np.array(state[1])


def batches_know_no_held_out_row(plug: type[Task]) -> None:
    """Leak law: two datasets that differ in held-out rows only give the same batches."""
    for kinds in (1, 2):
        clean = Lesson(plug, sample(kinds=kinds))
        dirty = Lesson(plug, poisoned(clean.dataset))
        assert clean.task.steps(clean.dataset) == dirty.task.steps(dirty.dataset)
        for step in clean.steps:
            assert same(clean.batch(step), dirty.batch(step)), f"step {step} depends on held-out rows"


def batches_are_well_formed(plug: type[Task]) -> None:
    """Rows begin with START and are padded on the right; asks stand inside their rows; at least one ask a step."""
    lesson = Lesson(plug)
    for step in lesson.steps:
        stream, _ = lesson.batch(step)
        assert (stream.kinds[:, 0] == Kind.START).all()
        padding = stream.kinds == Kind.PAD
        assert (padding.long().diff(dim=1) >= 0).all(), "padding stands on the right"
        assert (stream.asks < stream.lengths.unsqueeze(1)).all(), "an ask stands behind its row"
        assert (stream.asks >= 0).any(), "a step asks nothing"
        limit = lesson.model.length
        assert limit is None or stream.width <= max(limit, 2), "a row is longer than the model reads"


def losses_are_about_one(plug: type[Task]) -> None:
    """An untrained model's loss is about 1, on one event kind and on several."""
    for kinds in (1, 2):
        lesson = Lesson(plug, sample(kinds=kinds))
        values = [float(lesson.loss(*lesson.batch(step))) for step in lesson.steps]
        assert np.isfinite(values).all()
        assert 0.2 < np.mean(values) < 5, f"an untrained model's loss is {np.mean(values):.3g}"


def losses_teach(plug: type[Task]) -> None:
    """Each loss is a scalar with finite gradients, and a few steps along them make it smaller."""
    lesson = Lesson(plug)
    parameters = [p for p in (*lesson.model.parameters(), *lesson.task.parameters()) if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, 0.02)
    stream, target = lesson.batch(0)
    values = []
    for _ in range(25):
        loss = lesson.loss(stream, target)
        assert loss.dim() == 0
        optimiser.zero_grad()
        loss.backward()
        grads = [p.grad for p in parameters if p.grad is not None]
        assert grads, "no parameter has a gradient"
        assert all(torch.isfinite(grad).all() for grad in grads)
        optimiser.step()
        lesson.task.after_step(lesson.model)
        values.append(float(loss))
    assert np.mean(values[-5:]) < np.mean(values[:5]), "a batch that is seen 25 times is not learned"


def needs_are_powers(plug: type[Task]) -> None:
    """What it needs are powers of the contract, and a model of the house has them."""
    assert all(issubclass(power, Model) for power in plug.needs)
    assert student(plug)


def same(first: Any, second: Any) -> bool:
    """Whether two trees of tensors are equal."""
    if isinstance(first, Tensor):
        return first.shape == second.shape and torch.equal(first, second)
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    if is_dataclass(first) and not isinstance(first, type):
        return all(same(getattr(first, f.name), getattr(second, f.name)) for f in fields(first))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, islice(second, len(first))))
    return bool(first == second)


CHECKS = (
    needs_are_powers,
    batches_are_pure,
    batches_know_no_held_out_row,
    batches_are_well_formed,
    losses_are_about_one,
    losses_teach,
)
