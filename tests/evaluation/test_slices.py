"""Parts of the queries: each query in one slice of each group, numbers as if measured alone."""

from __future__ import annotations

import numpy as np
from evaluation_toys import METRICS, Table, metric

from p5rec.contracts import Queries, Truth
from p5rec.data.ragged import Ragged
from p5rec.evaluation.evaluate import evaluate
from p5rec.evaluation.slices import cuts, slices
from p5rec.testing.worlds import from_sequences


def uneven() -> tuple[object, Queries, Truth]:
    rng = np.random.default_rng(0)
    rows = {f"u{u}": [f"i{int(i)}" for i in 30 * rng.power(0.4, 3 + u % 12)] for u in range(120)}
    dataset = from_sequences(rows, items=[f"i{i}" for i in range(40)])
    return dataset, *dataset.held_out("test")


def test_each_query_is_in_one_slice_of_each_group() -> None:
    dataset, queries, truth = uneven()
    for masks in cuts(queries, truth, dataset).values():  # type: ignore[arg-type]
        assert np.all(np.sum(list(masks.values()), axis=0) == 1)


def test_a_slice_is_what_its_queries_alone_would_give() -> None:
    dataset, queries, truth = uneven()
    scores = np.random.default_rng(1).normal(size=(120, dataset.n_items))  # type: ignore[attr-defined]
    asked = Queries.of([[] for _ in range(120)], users=np.arange(120))
    metrics = {"recall@10": metric("recall"), "ndcg@10": metric("ndcg")}
    whole = evaluate(Table(scores), asked, truth, metrics)
    cut = cuts(queries, truth, dataset)  # type: ignore[arg-type]
    found = slices(whole, cut, resamples=100)
    assert {one.group for one in found} == {"history", "target"}
    for one in found:
        rows = np.flatnonzero(cut[one.group][one.name])
        alone = evaluate(Table(scores), asked.rows(rows), truth.rows(rows), metrics)
        assert one.queries == len(rows)
        assert alone.values == {name: one.values[name] for name in alone.values}
        assert all(low <= one.values[name] <= high for name, (low, high) in one.intervals.items())


def test_new_users_and_cold_items_are_told_apart() -> None:
    dataset = from_sequences(
        {"a": ["x", "y", "z"], "b": ["x", "y", "x", "y", "x", "y", "x"], "c": ["x", "x", "x", "x", "y"]}
    )
    queries, truth = dataset.held_out("test")
    cut = cuts(queries, truth, dataset)
    users = dataset.users.keys(queries.users)
    new = next(mask for name, mask in cut["history"].items() if name.startswith("new"))
    cold = next(mask for name, mask in cut["target"].items() if name.startswith("cold"))
    assert [users[row] for row in np.flatnonzero(new)] == ["a"]
    assert [users[row] for row in np.flatnonzero(cold)] == ["a"]


def test_an_unknown_user_is_new_whatever_the_history() -> None:
    queries = Queries.of([[0, 1, 0, 1], [0, 1, 0, 1]], users=np.array([-1, 0]))
    truth = Truth(Ragged.of([[0], [1]]), Ragged.of([[1.0], [1.0]]))
    dataset = from_sequences({"a": ["x", "y"], "b": ["x", "y"]}, held_out=0)
    masks = cuts(queries, truth, dataset)["history"]
    assert masks["new: unknown or ≤ 2 events"].tolist() == [True, False]


def test_all_metrics_can_be_loaded() -> None:
    assert len(METRICS.names()) >= 13
