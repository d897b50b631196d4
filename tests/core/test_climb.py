"""Choosing numbers by trial, on hills whose top is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p5rec.core.climb import climb, turn


@given(st.lists(st.floats(0.05, 1), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_a_single_hill_is_climbed(top: list[float]) -> None:
    goal = np.array(top) / sum(top)
    value, weights = climb(lambda tried: -float(((tried - goal) ** 2).sum()), len(goal))
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    start = np.ones(len(goal)) / len(goal)
    assert value >= -float(((start - goal) ** 2).sum()), "never worse than equal weights"
    assert np.abs(weights - goal).max() < 0.12


def test_the_higher_of_two_hills_is_found() -> None:
    def value(tried: np.ndarray) -> float:
        return max(1 - 9 * abs(tried[0] - 0.9), 0.5 - 9 * abs(tried[0] - 0.5))

    found, weights = climb(value, 2)
    assert found > 0.5
    assert weights[0] > 0.8


def test_nothing_to_gain_leaves_equal_weights() -> None:
    value, weights = climb(lambda tried: 1.0, 3)
    assert value == 1.0
    assert np.allclose(weights, 1 / 3)


def test_dials_turn_one_after_the_other_and_only_for_a_gain() -> None:
    asked: list[dict[str, float]] = []

    def value(dials: dict[str, float]) -> float:
        asked.append(dict(dials))
        return 1 + (dials["a"] == 2) + 0.001 * (dials["b"] == 5)

    found = turn(value, {"a": 1, "b": 1, "c": 1}, {"a": [1, 2, 3], "b": [4, 5]})
    assert found == {"a": 2, "b": 1, "c": 1}, "a gain below the threshold turns nothing"
    assert asked == [
        {"a": 1, "b": 1, "c": 1},
        *({"a": a, "b": 1, "c": 1} for a in (2, 3)),
        *({"a": 2, "b": b, "c": 1} for b in (4, 5)),
    ]
    assert turn(lambda dials: 1.0, {"a": 1}, {}) == {"a": 1}
