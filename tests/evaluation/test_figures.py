"""Charts, exposure and the map: right places for known numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from evaluation_toys import world
from hypothesis import given
from hypothesis import strategies as st
from report_toys import shop

from p5rec.contracts import ItemLists
from p5rec.core.errors import InputError
from p5rec.evaluation.charts import Axes, Line, lines, ticks
from p5rec.evaluation.exposure import exposure, spread, tenth_of
from p5rec.evaluation.item_map import item_map
from p5rec.evaluation.likeness import item_vectors
from p5rec.evaluation.report_figures import curves
from p5rec.evaluation.report_parts import Report, Row


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_few_and_hold_the_range(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert found[0] <= low + 1e-6 * width
    assert found[-1] >= low + width * (1 - 1e-6)
    assert 2 <= len(found) <= 12


def test_lines_stand_where_their_numbers_are() -> None:
    svg = lines("a", [Line("one", "c0", [0, 1], [0, 1])], Axes("x", "y", (0, 1), (0, 1)))
    assert re.search(r'd="M46\.0,238\.0L446\.0,12\.0"', svg)


def test_equal_exposure_has_no_inequality() -> None:
    found = spread(np.full(20, 3), np.full(20, 5))
    assert found.gini == pytest.approx(0.0)
    assert found.coverage == 1.0
    assert found.tenths == pytest.approx([0.1] * 10)


def test_one_item_for_all_is_all_inequality() -> None:
    lists = ItemLists(np.zeros((50, 1), dtype=np.int64), np.zeros((50, 1), dtype=np.float32))
    found = exposure(lists, np.arange(1000)[::-1].copy())
    assert found.gini == pytest.approx(0.999)
    assert found.coverage == 0.001
    assert found.tenths[0] == 1.0


def test_tenths_hold_a_tenth_of_the_events_each() -> None:
    counts = np.random.default_rng(0).zipf(1.6, 5000).clip(max=2000)
    shares = np.bincount(tenth_of(counts), weights=counts, minlength=10) / counts.sum()
    assert np.abs(shares - 0.1).max() < 0.03
    assert tenth_of(np.array([5, 0, 5]))[1] == 9


def test_the_map_draws_like_items_together() -> None:
    dataset = shop()
    vectors = item_vectors(dataset, "features")
    found = item_map(vectors, dataset, "toy")
    assert found.groups == ["kind 0", "kind 1", "kind 2"] or set(found.groups) == {"kind 0", "kind 1", "kind 2"}
    assert found.explained == pytest.approx(1.0)
    assert len(found.x) == int((dataset.item_counts > 0).sum())
    assert min(found.x) >= 0.0
    assert max(found.y) <= 1.0


def test_a_map_without_categories_is_coloured_by_popularity() -> None:
    dataset = world()
    found = item_map(item_vectors(dataset), dataset, "toy", limit=12)
    assert found.groups[0] == "most taken 5 %"
    assert len(found.names) == 12
    assert len(set(found.labels)) == len(found.labels)


def test_likeness_by_features_needs_features() -> None:
    with pytest.raises(InputError, match="items have no category or list column"):
        item_vectors(world(), "features")


def test_projected_likeness_stays_near_the_exact_one() -> None:
    dataset = world(users=600, items=30, length=8)
    takers = np.zeros((30, 600))
    user, item = dataset.history("train").flat()
    takers[item, user] = 1
    exact = takers / np.linalg.norm(takers, axis=1, keepdims=True)
    near = item_vectors(dataset, "users")
    assert near.shape == (30, 256)
    assert np.abs(near @ near.T - exact @ exact.T).mean() < 0.06


def test_curves_of_a_long_training_are_thinned() -> None:
    row = Row("sasrec", curves={"loss": {"a": [1.0] * 5000}, "valid": [0.1, 0.2], "steps": [100, 5000]})
    found = curves(Report("", {}, None, [row]), {"sasrec": "c0"})  # type: ignore[arg-type]
    assert [figure.title for figure in found] == ["sasrec: loss", "sasrec: NDCG@10 on validation rows"]
    assert found[0].svg.count("L") < 450
