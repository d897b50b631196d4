"""Every metric against an independent library or a plain count, on random data."""

from __future__ import annotations

import itertools
import math

import ir_measures
import numpy as np
import pytest
from evaluation_toys import Rater, Table, asking, metric, random_case, truth_of, world
from ir_measures import AP, RR, R, Success, nDCG
from sklearn import metrics as sk

from p5rec.contracts import Truth
from p5rec.evaluation.evaluate import Measured, evaluate


def measured(name: str, scores: np.ndarray, truth: Truth, **settings: object) -> Measured:
    return evaluate(Table(scores), asking(len(scores)), truth, {name: metric(name, **settings)})


def trec(measure: ir_measures.Measure, scores: np.ndarray, truth: Truth) -> np.ndarray:
    """Each query's value by the reference implementation."""
    qrels = [ir_measures.Qrel(str(q), str(i), 1) for q in range(len(scores)) for i in truth.items[q]]
    run = [ir_measures.ScoredDoc(str(q), str(i), s) for q, row in enumerate(scores) for i, s in enumerate(row)]
    found = {one.query_id: one.value for one in ir_measures.iter_calc([measure], qrels, run)}
    return np.array([found[str(q)] for q in range(len(scores))])


@pytest.mark.parametrize("k", [1, 5, 10, 20])
@pytest.mark.parametrize(
    ("name", "measure"), [("recall", R), ("hit_rate", Success), ("ndcg", nDCG), ("map", AP), ("mrr", RR)]
)
def test_ranking_metrics_are_those_of_trec_eval(name: str, measure: ir_measures.Measure, k: int) -> None:
    scores, truth = random_case(k)
    np.testing.assert_allclose(
        measured(name, scores, truth, k=k).stats[name][:, 0], trec(measure @ k, scores, truth), atol=1e-6
    )


def test_mrr_without_k_looks_at_the_whole_ranking() -> None:
    scores, truth = random_case(9)
    np.testing.assert_allclose(measured("mrr", scores, truth).stats["mrr"][:, 0], trec(RR, scores, truth), atol=1e-6)


def test_auc_is_that_of_scikit_learn() -> None:
    scores, truth = random_case(1)
    wanted = [sk.roc_auc_score(np.isin(np.arange(60), truth.items[q]), scores[q]) for q in range(50)]
    np.testing.assert_allclose(measured("auc", scores, truth).stats["auc"][:, 0], wanted, atol=1e-9)


def test_ndcg_with_labels_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    scores, truth = random_case(2)
    truth = truth_of([row.tolist() for row in truth.items], [rng.integers(1, 6, len(row)) for row in truth.items])
    relevance = np.zeros(scores.shape)
    for q in range(50):
        relevance[q, truth.items[q]] = truth.labels[q]
    wanted = [sk.ndcg_score(relevance[q : q + 1], scores[q : q + 1], k=10) for q in range(50)]
    np.testing.assert_allclose(measured("ndcg", scores, truth, gain="label").stats["ndcg"][:, 0], wanted, atol=1e-6)


def test_capped_recall_and_map_divide_by_what_k_places_can_hold() -> None:
    scores, truth = np.array([[5.0, 4.0, 3.0, 2.0]]), truth_of([[0, 1, 2]])
    assert measured("recall", scores, truth, k=2, capped=True).values["recall"] == 1.0
    assert measured("recall", scores, truth, k=2).values["recall"] == pytest.approx(2 / 3)
    assert measured("map", scores, truth, k=2, capped=True).values["map"] == 1.0


def test_rating_metrics_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    rows = [rng.choice(20, rng.integers(1, 6), replace=False).tolist() for _ in range(30)]
    labels = [rng.integers(1, 6, len(row)).tolist() for row in rows]
    truth, guess = truth_of(rows, labels), rng.uniform(1, 5, (30, 5))
    judges = {name: metric(name) for name in ("rmse", "mae", "accuracy")}
    found = evaluate(Rater(guess), asking(30), truth, judges, chunk=8)
    flat = np.concatenate([guess[q, : len(row)] for q, row in enumerate(rows)])
    wanted = np.concatenate([np.array(row, dtype=float) for row in labels])
    assert found.values["rmse"] == pytest.approx(sk.root_mean_squared_error(wanted, flat))
    assert found.values["mae"] == pytest.approx(sk.mean_absolute_error(wanted, flat))
    assert found.values["accuracy"] == pytest.approx(sk.accuracy_score(wanted, flat.round()))


@pytest.mark.parametrize("logits", [False, True])
def test_log_loss_is_that_of_scikit_learn(logits: bool) -> None:
    rng = np.random.default_rng(4)
    rows, chance = [[1, 2, 3]] * 20, rng.uniform(0.02, 0.98, (20, 3))
    labels = rng.integers(0, 2, (20, 3)).astype(float)
    answers = np.log(chance / (1 - chance)) if logits else chance
    found = evaluate(
        Rater(answers), asking(20), truth_of(rows, labels.tolist()), {"log_loss": metric("log_loss", logits=logits)}
    )
    assert found.values["log_loss"] == pytest.approx(sk.log_loss(labels.ravel(), chance.ravel()))


def test_list_metrics_are_those_of_a_plain_count() -> None:
    dataset = world(users=40, items=50)
    queries, truth = dataset.held_out("test")
    scores = np.random.default_rng(5).normal(size=(len(queries), dataset.n_items))
    names = ("coverage", "novelty", "popularity_bias", "diversity")
    found = evaluate(Table(scores), asking(len(queries)), truth, {n: metric(n, dataset, k=5) for n in names})
    lists = [sorted(range(50), key=lambda i: -row[i])[:5] for row in scores]
    assert found.lists is not None
    assert found.lists.items[:, :5].tolist() == lists
    counts = [int((dataset.training_items == i).sum()) for i in range(50)]
    takers = [{u for u in range(40) if i in dataset.history("train")[u]} for i in range(50)]
    usual = np.mean([counts[i] for i in dataset.training_items])
    bits = [-math.log2((counts[i] + 1) / (sum(counts) + 50)) for i in range(50)]

    def unlike(a: int, b: int) -> float:
        both = len(takers[a]) * len(takers[b])
        return 1 - (len(takers[a] & takers[b]) / math.sqrt(both) if both else 0.0)

    assert found.values["coverage"] == len({i for row in lists for i in row}) / 50
    assert found.values["novelty"] == pytest.approx(np.mean([[bits[i] for i in row] for row in lists]))
    assert found.values["popularity_bias"] == pytest.approx(
        np.mean([[counts[i] for i in row] for row in lists]) / usual
    )
    pairs = [unlike(a, b) for row in lists for a, b in itertools.combinations(row, 2)]
    assert found.values["diversity"] == pytest.approx(np.mean(pairs), abs=1e-6)
