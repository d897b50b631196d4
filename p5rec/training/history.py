"""What happened in a training run: the curves of the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """Plain JSON values.

    Attributes:
        steps: steps taken; `steps_per_epoch` of them are a pass.
        losses: task → its loss at each step.
        rates: learning rate at each step.
        valid: one ``{"step", "epoch", "seconds", "score"}`` for each validation.
        best_step, best_epoch, best_score: where the kept weights come from; without validation the last ones.
        seconds: wall time of all parts of the run, validation included; `training_seconds` without it.
        stopped: why it ended: ``"epochs"``, ``"steps"``, ``"seconds"`` or ``"patience"``.
        resumed: how often it went on after being killed.
    """

    steps: int = 0
    steps_per_epoch: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    valid: list[dict[str, Any]] = field(default_factory=list)
    best_step: int = 0
    best_epoch: int = 0
    best_score: float | None = None
    seconds: float = 0.0
    training_seconds: float = 0.0
    stopped: str = ""
    resumed: int = 0
