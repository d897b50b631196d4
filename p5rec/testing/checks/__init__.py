"""Contract checks as plain functions: each takes a plug's class and asserts what its kind promises.

For the author of a plug, wherever it lives::

    from p5rec.testing.checks import checks

    for check in checks("model", MyModel):
        check(MyModel)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from p5rec.testing.checks import metrics, models, parts, powers, preparing, responders, serving, tasks
from p5rec.testing.checks.edges import EDGES

Check = Callable[[type[Any]], None]
BY_KIND: dict[str, tuple[Check, ...]] = {
    "source": preparing.SOURCE,
    "filter": preparing.FILTER,
    "split": preparing.SPLIT,
    "modality": parts.MODALITY,
    "fusion": parts.FUSION,
    "model": models.CHECKS,
    "task": tasks.CHECKS,
    "balance": parts.BALANCE,
    "tuning": parts.TUNING,
    "responder": responders.CHECKS,
    "metric": metrics.CHECKS,
    "store": serving.STORE,
    "index": serving.INDEX,
}


def checks(kind: str, plug: type[Any]) -> tuple[Check, ...]:
    """All checks of a plug: those of its kind, of the edges of its settings, and for a model those of its powers."""
    edges = (EDGES[kind],) if kind in EDGES else ()
    return BY_KIND[kind] + edges + (tuple(powers.checks_of(plug)) if kind == "model" else ())
