"""Which tasks a step trains: all of them, or one that is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np

from p5rec.core import seed as seeds
from p5rec.core.errors import InputError

Mode = Literal["all", "each"]


class Turns:
    """Who trains when, a pure function of the seed and the step.

    Args:
        weights: of the tasks; where each takes turns, it is drawn in proportion to them.
        mode: ``"all"`` in every step, or ``"each"`` in steps of its own.
        seed: of the run.

    Raises:
        InputError: weights that nothing can be drawn by.
    """

    def __init__(self, weights: Mapping[str, float], mode: Mode, seed: int) -> None:
        self.names, self.mode, self.seed = list(weights), mode, seed
        if mode == "each":
            self.shares = _shares(weights)
            self._drawn: tuple[np.ndarray, np.ndarray] = np.empty(0, np.int64), np.empty(0, np.int64)

    def steps(self, each: Mapping[str, int]) -> int:
        """Steps of a pass: the first task sees its rows once; a pass takes each task so many steps of its own."""
        if self.mode == "all":
            return each[self.names[0]]
        name = next(name for name, share in self.shares.items() if share)
        return math.ceil(each[name] / self.shares[name])

    def at(self, step: int) -> dict[str, int]:
        """Task → how many steps it took before, for the tasks of a step."""
        if self.mode == "all":
            return dict.fromkeys(self.names, step)
        if step >= len(self._drawn[0]):
            self._drawn = self._draw(max(1024, 2 * step))
        place, before = (int(row[step]) for row in self._drawn)
        return {self.names[place]: before}

    def _draw(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """The task of each step, and how often it was drawn before; drawing more steps changes none of the first."""
        ends = np.cumsum(list(self.shares.values()))
        drawn = seeds.rng(self.seed, "turns").random(steps)
        places = np.minimum(np.searchsorted(ends, drawn, side="right"), np.flatnonzero(np.diff(ends, prepend=0))[-1])
        before = np.empty(steps, np.int64)
        for place in range(len(ends)):
            own = places == place
            before[own] = np.arange(own.sum())
        return places, before


def balanced(weights: Mapping[str, float], mode: Mode) -> dict[str, float]:
    """What a balance is built with: tasks that are drawn by their weights count alike in the steps they have."""
    return dict(weights) if mode == "all" else dict.fromkeys(weights, 1.0)


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    if min(weights.values()) < 0 or total <= 0:
        shown = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
        raise InputError(f"train.turns: tasks that take turns need weights of 0 or more, one above it; found {shown}")
    return {name: weight / total for name, weight in weights.items()}
