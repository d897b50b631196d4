"""Places of true items: against a slow and plain count, with ties, exclusions and candidates."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_toys import Table, asking, metric, random_case, truth_of
from hypothesis import given, settings
from hypothesis import strategies as st

from p5rec.contracts import ItemLists
from p5rec.core.errors import InputError
from p5rec.data.answers import NOTHING
from p5rec.evaluation.evaluate import evaluate
from p5rec.evaluation.ranking import NEVER, rank


def slow_ranks(scores: np.ndarray, true: np.ndarray) -> list[int]:
    """Others first among equals; true items among themselves by score."""
    others = [s for item, s in enumerate(scores) if item not in true and s > -np.inf]
    ranks = []
    for place, item in enumerate(sorted(true, key=lambda i: -scores[i])):
        before = sum(s >= scores[item] for s in others)
        ranks.append((item, NEVER if np.isneginf(scores[item]) else 1 + before + place))
    found = dict(ranks)
    return [found[item] for item in true]


def in_catalogue_order(scores: np.ndarray) -> ItemLists:
    scores = scores.astype(np.float32)
    return ItemLists(np.broadcast_to(np.arange(scores.shape[1]), scores.shape), scores)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.floats(0, 0.6))
def test_ranks_are_those_of_a_plain_count(seed: int, ties: bool, hidden: float) -> None:
    scores, truth = random_case(seed, queries=6, items=25, ties=ties)
    scores[np.random.default_rng(seed).random(scores.shape) < hidden] = -np.inf
    lists, ranked = rank(in_catalogue_order(scores), truth, 10)
    assert ranked.ranks is not None
    assert ranked.ranked is not None
    for q in range(6):
        ranks = ranked.ranks[q].tolist()
        assert sorted(ranks) == sorted(slow_ranks(scores[q], truth.items[q]))
        assert ranked.ranked[q] == np.isfinite(scores[q]).sum()
        for item, place in zip(truth.items[q], ranks, strict=True):
            assert (lists.items[q, place - 1] == item) if place <= 10 else (item not in lists.items[q])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_lists_hold_distinct_offered_items_best_first(seed: int, ties: bool) -> None:
    scores, truth = random_case(seed, queries=5, items=15, ties=ties)
    scores[:, ::2] = -np.inf
    lists, _ = rank(in_catalogue_order(scores), truth, 12)
    for q in range(5):
        answered = lists.items[q][lists.items[q] != NOTHING]
        assert len(answered) == 7
        assert len(set(answered.tolist())) == 7
        assert np.all(np.diff(scores[q, answered]) <= 0)
        assert np.all(lists.items[q, 7:] == NOTHING)


def test_a_tie_counts_against_the_model() -> None:
    answers = in_catalogue_order(np.zeros((1, 5)))
    lists, ranked = rank(answers, truth_of([[2]]), 4)
    assert ranked.ranks is not None
    assert ranked.ranks[0].tolist() == [5]
    assert 2 not in lists.items[0]


def test_a_true_item_that_was_not_offered_never_counts() -> None:
    answers = in_catalogue_order(np.array([[0.0, -np.inf, 1.0]]))
    found = evaluate(lambda q, k: answers, asking(1), truth_of([[1]]), {
        "recall": metric("recall", k=10), "mrr": metric("mrr"), "auc": metric("auc"),
    })  # fmt: skip
    assert found.values == {"recall": 0.0, "mrr": 0.0, "auc": 0.0}


def test_candidates_in_any_order_rank_as_the_catalogue_does() -> None:
    scores, truth = random_case(3, queries=20, items=30)
    rng = np.random.default_rng(0)
    order = rng.permuted(np.tile(np.arange(30), (20, 1)), axis=1)
    shuffled = ItemLists(order, np.take_along_axis(scores, order, axis=1).astype(np.float32))
    _, first = rank(in_catalogue_order(scores), truth, 5)
    lists, second = rank(shuffled, truth, 5)
    assert first.ranks is not None
    assert second.ranks is not None
    np.testing.assert_array_equal(first.ranks.values, second.ranks.values)
    np.testing.assert_array_equal(lists.items, np.argsort(-scores, axis=1)[:, :5])


def test_a_chunk_size_changes_nothing() -> None:
    scores, truth = random_case(4, items=40, ties=True)
    metrics = {"ndcg": metric("ndcg"), "coverage": metric("coverage"), "auc": metric("auc")}
    whole = evaluate(Table(scores), asking(50), truth, metrics)
    small = evaluate(Table(scores), asking(50), truth, metrics, chunk=7)
    assert whole.values == small.values


def test_a_score_that_is_no_number_is_an_error() -> None:
    scores = np.zeros((2, 3))
    scores[1, 1] = np.nan
    with pytest.raises(InputError, match=r"1 scores are not a number .*query 1.*diverged"):
        rank(in_catalogue_order(scores), truth_of([[0], [0]]), 3)


def test_the_answers_of_a_responder_are_left_as_they_were() -> None:
    scores, truth = random_case(5)
    answers = in_catalogue_order(scores)
    rank(answers, truth, 10)
    np.testing.assert_array_equal(answers.scores, scores.astype(np.float32))
