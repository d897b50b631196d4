"""How long a run will take and how much memory, told before it starts.

Training is measured on a few steps; what ranking the held-out rows takes is counted from its shapes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import psutil
import torch

from p5rec.commands import assemble
from p5rec.commands.page import ModelEntry, Page
from p5rec.contracts import Bound, Fitted, Model, Numbers, Setting, Solved
from p5rec.core.progress import measured, say
from p5rec.data.dataset import Dataset
from p5rec.training.fit import balanced, fit
from p5rec.training.turns import Mode, Turns

STEPS, MOST = 3, 40  # of training, on a copy that is thrown away
ROWS = 512  # queries that evaluation ranks at once
REPORT = 100  # MB: packages of the report, resamples, samples
CELL = 20  # bytes of what a part says of one item of one query, while weights are chosen
ORDER = 1024  # of the matrix product that tells how fast this machine multiplies


@dataclass(frozen=True)
class Guess:
    """About what a model takes.

    Attributes:
        name: of the model.
        seconds: of all passes, on a machine as busy as now (early stopping may end it sooner).
        mb: of memory beside what the process holds already.
        kept: MB of it that stay when it is trained.
        more: MB beside what the process holds after the rehearsal, whose libraries and freed pages stay.
    """

    name: str
    seconds: float
    mb: float
    kept: float = 0.0
    more: float = 0.0


def training(page: Page, dataset: Dataset, entries: Iterable[ModelEntry]) -> list[Guess]:
    """Guess what training some models of a page takes, and say it."""
    made_for, held = assemble.setting(page, dataset), _held()
    rate = multiplications_a_second()
    guesses = [_model(entry, made_for, dataset, rate) for entry in entries]
    if guesses:
        parts = ", ".join(f"{one.name} {_time(one.seconds)}" for one in guesses if one.seconds >= 1)
        peak = told(guesses, held, _held(), ranking(page, dataset) + choosing(page, dataset))
        total = sum(one.seconds for one in guesses)
        say(f"estimate: all passes take about {_time(total)}{f' ({parts})' if parts else ''}, memory {peak:,.0f} MB")
    return guesses


def told(guesses: Sequence[Guess], held: float, now: float, ranked: float) -> float:
    """MB of the whole run, where the process held `held` before the rehearsals and holds `now` after them."""
    left = [replace(one, mb=one.more) for one in guesses]
    return max(held + beyond(guesses, ranked), now + beyond(left, ranked))


def beyond(guesses: Sequence[Guess], ranked: float) -> float:
    """MB beyond what is held: models are trained one after the other and stay, then all are ranked and reported."""
    before, most = 0.0, 0.0
    for one in guesses:
        most = max(most, before + one.mb)
        before += one.kept
    return max(most, before + ranked + REPORT)


def ranking(page: Page, dataset: Dataset) -> float:
    """MB of ranking the whole catalogue for some queries at once: scores, their order, and those of all parts of the
    largest responder, whose weights are chosen on places and standardised scores of each.
    """
    if any(metric.plug.judges is Numbers for metric in page.metrics):
        return 0.0
    parts = max((len(entry.of) for entry in page.responders.values()), default=0)
    return ROWS * dataset.n_items * (24 + 16 * parts) / 2**20


def choosing(page: Page, dataset: Dataset) -> float:
    """MB of choosing weights or teaching a second stage: what each part says of the best items of all, by query."""
    asked, sizes = len(dataset.held_out("valid")[0]), [0.0]
    for entry in page.responders.values():
        if issubclass(entry.responder.plug, Fitted):
            most, depth = (getattr(entry.responder.config, name, 0) for name in ("queries", "depth"))
            sizes.append(min(asked, most) * depth * len(entry.of) ** 2 * CELL / 2**20)
    return max(sizes)


def multiplications_a_second() -> float:
    """Floating-point operations a second of a float32 matrix product on this machine, now."""
    square = torch.rand(ORDER, ORDER)
    square @ square
    start = time.perf_counter()
    for _ in range(3):
        square @ square
    return 3 * 2 * ORDER**3 / (time.perf_counter() - start)


def _model(entry: ModelEntry, made_for: Setting, dataset: Dataset, rate: float) -> Guess:
    """A solved model tells its own work; a trained one takes a few steps."""
    if not entry.tasks:
        model = assemble.model(entry, made_for)
        operations, size = model.work(dataset) if isinstance(model, Solved) else (0.0, 0.0)
        return Guess(entry.name, operations / rate, size / 2**20, _size(model), more=size / 2**20)
    with measured(interval=0.005) as cost:
        held = _held()
        seconds, kept = _trained(entry, made_for, dataset)
    validated = kept + ROWS * dataset.n_items * 8 / 2**20  # the best weights so far, and scores
    return Guess(entry.name, seconds, max(cost.peak_mb - held, 0.0) + validated, kept, more=validated)


def _held() -> float:
    """MB that the process holds now."""
    return psutil.Process().memory_info().rss / 2**20


def _size(model: Model) -> float:
    """MB of all that a model learned."""
    return sum(tensor.nbytes for tensor in model.state_dict().values()) / 2**20


def _trained(entry: ModelEntry, made_for: Setting, dataset: Dataset) -> tuple[float, float]:
    """Seconds of all passes, from those of a few steps, and MB of the model."""
    model = assemble.model(entry, made_for)
    tasks, weights, _ = assemble.tasks(entry, made_for, dataset)
    if isinstance(model, Bound):
        model.bind(dataset)
    balance, tuning = entry.balance.make(balanced(weights, entry.train.turns)), entry.tuning.make()
    tried = rehearsed(weights, entry.train.turns)
    for steps in (1, tried):  # the first step sets the machine up and tells nothing
        config = entry.train.model_copy(update={"steps": steps, "seconds": None})
        history = fit(model, tasks, dataset, config, weights=weights, balance=balance, tuning=tuning)
    steps = min(entry.train.epochs * history.steps_per_epoch, entry.train.steps or 2**62)
    return min(history.training_seconds / tried * steps, entry.train.seconds or float("inf")), _size(model)


def rehearsed(weights: Mapping[str, float], mode: Mode) -> int:
    """Steps until every task had its turn, for one task may take many times what another does."""
    turns, left = Turns(weights, mode, seed=0), {name for name, weight in weights.items() if weight}
    for step in range(MOST):
        left -= turns.at(step).keys()
        if not left and step + 1 >= STEPS:
            return step + 1
    return MOST


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
