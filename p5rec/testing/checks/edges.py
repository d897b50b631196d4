"""Every setting works at the edges of its range, alone among small ones, or is refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from p5rec.collate import collate
from p5rec.contracts import Filter, Metric, Model, Split, StepsAside, Task
from p5rec.core.errors import InputError
from p5rec.testing.checks.metrics import Exam
from p5rec.testing.checks.models import Bench
from p5rec.testing.checks.preparing import COUNT, events
from p5rec.testing.checks.tasks import Lesson
from p5rec.testing.making import edges, fitted


def each_edge(plug: type[Any], works: Callable[[Any], None]) -> None:
    """Try each edge; a fault names what was set.

    Raises:
        AssertionError: something else than a sentence came of it.
    """
    for what, config in edges(plug):
        try:
            with suppress(InputError, StepsAside):
                works(config)
        except Exception as fault:
            raise AssertionError(f"{plug.__name__} with {what}: {type(fault).__name__}: {fault}") from fault


def models_work_at_the_edges(plug: type[Model]) -> None:
    """Finite scores."""
    bench = Bench.of(plug)

    def works(config: Any) -> None:
        model = fitted(plug, bench.dataset, bench.made_for, config)
        assert torch.isfinite(bench.scores(collate(bench.queries, model.length), model)).all()

    each_edge(plug, works)


def tasks_work_at_the_edges(plug: type[Task]) -> None:
    """A finite loss."""
    lesson = Lesson(plug)

    def works(config: Any) -> None:
        lesson.task = plug(config, lesson.made_for)
        lesson.begin()
        assert torch.isfinite(lesson.loss(*lesson.batch(0)))

    each_edge(plug, works)


def metrics_work_at_the_edges(plug: type[Metric]) -> None:
    """A number."""
    exam = Exam(plug)

    def works(config: Any) -> None:
        exam.metric = plug(config, exam.dataset)  # type: ignore[call-arg]
        assert not np.isinf(exam.measure(exam.chance).values["it"])

    each_edge(plug, works)


def filters_work_at_the_edges(plug: type[Filter]) -> None:
    """(N,) bool."""

    def works(config: Any) -> None:
        assert plug(config).keep(events()).shape == (COUNT,)  # type: ignore[call-arg]

    each_edge(plug, works)


def splits_work_at_the_edges(plug: type[Split]) -> None:
    """(N,) parts."""

    def works(config: Any) -> None:
        assert plug(config).parts(events(), 0).shape == (COUNT,)  # type: ignore[call-arg]

    each_edge(plug, works)


EDGES: dict[str, Callable[[type[Any]], None]] = {
    "model": models_work_at_the_edges,
    "task": tasks_work_at_the_edges,
    "metric": metrics_work_at_the_edges,
    "filter": filters_work_at_the_edges,
    "split": splits_work_at_the_edges,
}
