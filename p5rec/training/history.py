"""What happened in a training run: the curves of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """Plain JSON values.

    Attributes:
        steps: steps taken; `steps_per_epoch` of them are a pass.
        trainable: numbers that training may change: of the model, heads of tasks and balance.
        losses: task → its loss at each step; where tasks take turns, a step of another repeats the last one (before
            the first turn: the first one), and a task that never had a turn has none.
        weights: task → by how much its loss counted at each step, where the balance changes that.
        rates: learning rate at each step.
        valid: one ``{"step", "epoch", "seconds", "score"}`` for each validation.
        best_step, best_epoch, best_score: where the kept weights come from; without validation the last ones.
        seconds: wall time of all parts of the run, validation included; `training_seconds` without it.
        stopped: why it ended: ``"epochs"``, ``"steps"``, ``"seconds"`` or ``"patience"``.
        resumed: how often it went on after being killed.
    """

    steps: int = 0
    steps_per_epoch: int = 0
    trainable: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)
    weights: dict[str, list[float]] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    valid: list[dict[str, Any]] = field(default_factory=list)
    best_step: int = 0
    best_epoch: int = 0
    best_score: float | None = None
    seconds: float = 0.0
    training_seconds: float = 0.0
    stopped: str = ""
    resumed: int = 0

    def note(self, losses: Mapping[str, float], weights: Mapping[str, float], rate: float) -> None:
        """Take in a step: losses of the tasks that had a turn, weights where they change."""
        for name, row in self.losses.items():
            if name in losses:
                row += [losses[name]] * (1 if row else self.steps + 1)
            elif row:
                row.append(row[-1])
        for name, weight in weights.items():
            self.weights.setdefault(name, []).append(float(f"{weight:.4g}"))
        self.rates.append(float(f"{rate:.4g}"))
        self.steps += 1

    def recent(self, last: int = 50) -> dict[str, float]:
        """Task → the mean of its last losses."""
        return {name: sum(row[-last:]) / len(row[-last:]) for name, row in self.losses.items() if row}
