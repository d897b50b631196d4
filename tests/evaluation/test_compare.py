"""Intervals that hold what they promise, and tests that know chance from skill."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_toys import Rater, Table, asking, metric, random_case, truth_of, world
from scipy import stats as scipy_stats

from p5rec.core.errors import InputError
from p5rec.evaluation.compare import Difference, corrected, interval, intervals, paired
from p5rec.evaluation.evaluate import Measured, evaluate


def measured(seed: int = 0, queries: int = 200) -> Measured:
    scores, truth = random_case(seed, queries=queries, items=40)
    metrics = {name: metric(name) for name in ("ndcg", "coverage")}
    return evaluate(Table(scores), asking(queries), truth, metrics)


def given(stats: np.ndarray, name: str = "recall") -> Measured:
    """A measurement with statistics of our own."""
    one = measured(queries=len(stats))
    judge = metric(name)
    return replace(one, metrics={name: judge}, stats={name: stats}, values={name: judge.reduce(stats)})


def test_the_interval_of_a_mean_covers_the_truth_as_often_as_it_says() -> None:
    rng, hits, rounds = np.random.default_rng(0), 0, 300
    for round_ in range(rounds):
        low, high = interval(metric("recall"), rng.beta(0.5, 2, (120, 1)), resamples=300, seed=round_)
        hits += low <= 0.2 <= high
    assert 0.91 <= hits / rounds <= 0.98


def test_the_interval_of_an_rmse_covers_the_truth_too() -> None:
    rng, hits, rounds = np.random.default_rng(1), 0, 150
    for round_ in range(rounds):
        errors = rng.normal(0, 2, (150, 3)) ** 2
        rows = np.stack([errors.sum(1), np.full(150, 3)], axis=1)
        low, high = interval(metric("rmse"), rows, resamples=200, seed=round_)
        hits += low <= 2 <= high
    assert 0.9 <= hits / rounds <= 0.99


def test_intervals_hold_their_number_and_are_the_same_each_time() -> None:
    one = measured()
    first, second = intervals(one), intervals(one)
    assert first == second
    for name, (low, high) in first.items():
        assert low < one.values[name] < high or (name == "coverage" and low <= one.values[name] <= high)


def test_a_mean_takes_the_same_interval_alone_and_among_others() -> None:
    one = measured()
    assert intervals(one)["ndcg"] == interval(metric("ndcg"), one.stats["ndcg"])


def test_equal_models_do_not_differ() -> None:
    one = measured()
    assert paired(one, one, "ndcg") == Difference(0.0, 0.0, 0.0, 1.0)


def test_p_values_of_equal_skill_are_uniform() -> None:
    rng = np.random.default_rng(2)
    p = [paired(given(rng.random((60, 1))), given(rng.random((60, 1))), "recall", resamples=50).p for _ in range(80)]
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.01


def test_the_p_value_is_that_of_scipy() -> None:
    rng = np.random.default_rng(3)
    ours, theirs = rng.random((80, 1)), rng.random((80, 1)) - 0.08
    found = paired(given(ours), given(theirs), "recall")
    wanted = scipy_stats.permutation_test(
        (ours[:, 0], theirs[:, 0]),
        lambda a, b: np.mean(a - b),
        permutation_type="samples",
        n_resamples=5000,
        rng=np.random.default_rng(0),
    )
    assert found.p == pytest.approx(wanted.pvalue, abs=0.02)
    assert found.mean == pytest.approx(np.mean(ours - theirs))
    assert found.low < found.mean < found.high


def test_a_better_model_is_found() -> None:
    rng = np.random.default_rng(4)
    theirs = rng.random((300, 1))
    found = paired(given(theirs + 0.05 + rng.normal(0, 0.1, (300, 1))), given(theirs), "recall")
    assert found.significant
    assert found.low > 0


def test_ratings_are_compared_by_swapping_users() -> None:
    rng = np.random.default_rng(5)
    labels = rng.normal(3, 1, (200, 2))
    truth = truth_of([[1, 2]] * 200, labels.tolist())
    rmse = {"rmse": metric("rmse")}
    good, bad, same = (
        evaluate(Rater(labels + rng.normal(0, noise, (200, 2))), asking(200), truth, rmse) for noise in (0.5, 0.7, 0.5)
    )
    assert paired(good, bad, "rmse", resamples=300).p < 0.02
    assert paired(good, bad, "rmse", resamples=300).high < 0
    assert paired(good, same, "rmse", resamples=300).p > 0.05


def test_holm_corrects_for_the_number_of_tests() -> None:
    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.5}
    found = corrected({name: Difference(1, 0, 2, value) for name, value in p.items()})
    assert {name: round(one.p, 10) for name, one in found.items()} == {"a": 0.04, "b": 0.09, "c": 0.09, "d": 0.5}
    assert found["a"].significant
    assert not found["b"].significant


def test_models_of_other_queries_cannot_be_compared() -> None:
    with pytest.raises(InputError, match=r"same queries, found 200 and 100 .*evaluate both with the same call"):
        paired(measured(), measured(queries=100), "ndcg")
    with pytest.raises(InputError, match="recall needs both models measured by it; they share coverage, ndcg"):
        paired(measured(), measured(), "recall")


def test_coverage_of_a_real_world_lies_in_its_interval() -> None:
    dataset = world(users=60, items=80)
    queries, truth = dataset.held_out("test")
    scores = np.random.default_rng(6).normal(size=(len(queries), 80))
    one = evaluate(Table(scores), asking(len(queries)), truth, {"coverage": metric("coverage", dataset, k=3)})
    low, high = intervals(one)["coverage"]
    assert low < one.values["coverage"] < high
