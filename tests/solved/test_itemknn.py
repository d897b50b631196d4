"""Item-to-item neighbours against a double loop, and what their settings mean."""

import numpy as np
import pytest
import torch

from p5rec.contracts import Queries, collate
from p5rec.models.itemknn import ItemKNN
from p5rec.testing.making import setting
from p5rec.testing.sample import sample
from p5rec.testing.sequences import from_sequences


def solved(dataset, **settings):
    model = ItemKNN(ItemKNN.Config(**settings), setting(dataset))
    model.solve(dataset)
    return model.eval()


def scores(model, queries):
    with torch.inference_mode():
        return model.score(model.encode(collate(queries, model.length)))[:, 0].numpy()


def by_double_loop(dataset, queries, config):
    """The formula of the class's docstring, word by word."""
    size, histories = dataset.n_items, list(dataset.history("train"))
    counts = np.maximum(np.bincount(np.concatenate(histories), minlength=size), 1) + config.shrink
    matrix = np.zeros((size, size))
    for row in histories:
        for early in range(len(row)):
            for late in range(early + 1, min(early + config.window, len(row) - 1) + 1):
                weight = (late - early) ** -config.distance
                matrix[row[early], row[late]] += weight
                matrix[row[late], row[early]] += config.backward * weight
    matrix *= counts[:, None] ** -config.damp_history * counts[None, :] ** -config.damp_item
    out = np.zeros((len(queries), size))
    for query, row in enumerate(queries.history):
        for age, item in enumerate(row[::-1][: config.length]):
            out[query] += (age + 1.0) ** -config.recency * matrix[item]
    return out


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"backward": 1.0, "recency": 0.0},
        {"window": 2, "distance": 2.0, "damp_item": 1.0, "shrink": 0.0, "damp_history": 0.0},
        {"length": 2, "backward": 0.0},
    ],
)
def test_the_scores_are_those_of_a_double_loop(settings):
    dataset = sample()
    queries, _ = dataset.held_out("test")
    model = solved(dataset, **settings)
    expected = by_double_loop(dataset, queries, model.config)
    np.testing.assert_allclose(scores(model, queries), expected, rtol=1e-4, atol=2e-6)


def test_order_counts_where_it_is_asked_for():
    dataset = from_sequences({f"u{n}": ["a", "b", "c"] for n in range(5)}, held_out=0)
    item = dataset.items.number
    queries = Queries.of([[item("b")]])
    ahead = scores(solved(dataset, backward=0.0), queries)[0]
    assert ahead[item("c")] > 1e-3 > ahead[item("a")]
    both = scores(solved(dataset, backward=1.0), queries)[0]
    assert both[item("c")] == pytest.approx(both[item("a")], rel=1e-5)


def test_the_nearest_neighbours_of_each_item_are_kept():
    dataset = sample()
    full, cut = solved(dataset).neighbours, solved(dataset, neighbours=3).neighbours
    assert int(full.bounds.diff().max()) > 3
    assert int(cut.bounds.diff().max()) == 3
    for item in range(dataset.n_items):
        here = slice(int(full.bounds[item]), int(full.bounds[item + 1]))
        kept = slice(int(cut.bounds[item]), int(cut.bounds[item + 1]))
        best = full.weights[here].sort(descending=True).values[:3]
        assert torch.equal(cut.weights[kept].sort(descending=True).values, best)


def test_an_empty_history_is_answered_by_popularity():
    dataset = sample()
    found = scores(solved(dataset), Queries.of([[]]))[0]
    counts = dataset.item_counts
    assert np.array_equal(np.argsort(-found, kind="stable"), np.argsort(-counts, kind="stable"))
    assert 0 < found.max() < 1e-5


def test_parts_of_the_count_make_the_whole(monkeypatch):
    dataset = sample()
    whole = solved(dataset).neighbours.weights
    monkeypatch.setattr("p5rec.blocks.pairs.CHUNK", 7)
    torch.testing.assert_close(solved(dataset).neighbours.weights, whole)


def test_a_large_catalogue_needs_no_full_matrix():
    items = [f"i{n}" for n in range(150_000)]  # a full matrix would take 90 GB
    rows = {f"u{u}": items[u * 7 : u * 7 + 6] for u in range(300)}
    dataset = from_sequences(rows, items=items)
    model = solved(dataset)
    found = scores(model, dataset.held_out("valid")[0].rows(slice(0, 3)))
    assert found.shape == (3, len(items))
    assert len(model.neighbours.weights) < 300 * 36
