"""Features are fitted on what occurs in training, and nothing else."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from data_toys import frames, made, steps

from p5rec.data.context import context_columns
from p5rec.data.dataset import Dataset
from p5rec.data.encode import RARE, FeatureConfig, encode
from p5rec.data.features import Features, Kind
from p5rec.data.schema import ColumnSchema, Role
from p5rec.data.vocabulary import Vocabulary

WORDS = Vocabulary.fit(["a", "b", "c", "d"], 0, "items")
TRAINED = np.array([key != "d" for key in WORDS.all().to_pylist()])


def encoded(values: object, kind: Kind, **config: int) -> Features:
    table = pl.DataFrame({"id": ["a", "b", "c", "d"], "x": values}, strict=False)
    columns = {"id": ColumnSchema(kind=Kind.ID), "x": ColumnSchema(kind=kind)}
    return encode(table, columns, WORDS, TRAINED, FeatureConfig(**config), now=2_000_000_000)


def of(features: Features, key: str, name: str = "x") -> object:
    return features.columns[name].values[WORDS.number(key)]


def test_numbers_are_normalised_on_trained_rows() -> None:
    features = encoded([1.0, 2.0, 3.0, 1000.0], Kind.NUMBER)
    assert features.columns["x"].scale == pytest.approx((2.0, np.std([1, 2, 3])))
    assert of(features, "b") == 0.0
    assert of(features, "d") > 1000
    assert np.isnan(of(encoded(["5", "", None, "7"], Kind.NUMBER), "b"))
    assert encoded([4, 4, 4, 4], Kind.NUMBER).columns["x"].scale == (4.0, 1.0)


def test_levels_that_training_does_not_know_are_rare() -> None:
    features = encoded(["x", "y", "x", "z"], Kind.CATEGORY)
    assert features.columns["x"].levels == ("x", "y", RARE)
    assert of(features, "d") == 2
    folded = encoded(["x", "y", "x", "z"], Kind.CATEGORY, rare_below=2)
    assert folded.columns["x"].levels == ("x", RARE)
    assert of(folded, "b") == of(folded, "d") == 1
    assert of(encoded(["x", None, "", "x"], Kind.CATEGORY), "b") == -1


def test_entities_are_unescaped() -> None:
    assert "Burt's" in encoded(["Burt&#39;s", "q", "q", "q"], Kind.CATEGORY).columns["x"].levels
    assert of(encoded(["A &amp; B", "q", None, " "], Kind.TEXT), "a") == "A & B"
    assert of(encoded(["A &amp; B", "q", None, " "], Kind.TEXT), "d") is None


def test_lists() -> None:
    features = encoded([["q", "p"], ["p", "p"], None, ["new"]], Kind.LIST)
    assert features.columns["x"].levels == ("p", "q", RARE)
    assert of(features, "a").tolist() == [0, 1]
    assert of(features, "b").tolist() == [0]
    assert of(features, "c").tolist() == []
    assert of(features, "d").tolist() == [2]
    assert of(encoded(["q|p", "p", "", "q"], Kind.LIST), "a").tolist() == [0, 1]
    assert of(encoded([[["q"], ["p"]], [["p"]], [], None], Kind.LIST), "a").tolist() == [0, 1]


def test_times_and_their_ages() -> None:
    features = encoded(["2001-09-09", "2011-09-09", None, "2021-09-09"], Kind.TIME)
    assert of(features, "a") == 999_993_600
    assert of(features, "c") == -1
    age = features.columns["x_age"]
    assert of(features, "a", "x_age") * age.scale[1] + age.scale[0] == pytest.approx(31.69, abs=0.01)
    assert "x_age" not in encoded(["2001-09-09"] * 4, Kind.TIME, ages=False).columns


def test_vectors() -> None:
    features = encoded([[1.0, 2.0], [3.0, 4.0], None, [5.0]], Kind.VECTOR)
    assert of(features, "b").tolist() == [3.0, 4.0]
    assert np.isnan(of(features, "c")).all()
    assert np.isnan(of(features, "d")).all()


def test_the_first_row_of_an_id_counts_and_ignored_columns_are_left_out() -> None:
    table = pl.DataFrame({"id": ["a", "a", "zz"], "x": [1, 2, 3], "y": [1, 2, 3]})
    columns = {
        "id": ColumnSchema(kind=Kind.ID),
        "x": ColumnSchema(kind=Kind.CATEGORY),
        "y": ColumnSchema(kind=Kind.NUMBER, role=Role.IGNORE),
    }
    features = encode(table, columns, WORDS, TRAINED, FeatureConfig())
    assert list(features.columns) == ["x"]
    assert features.columns["x"].levels == ("1",)
    assert len(features.columns["x"]) == 4


def with_context(**features: object) -> Dataset:
    frame = steps().with_columns(
        device=pl.Series(["web", "app", "web", "app", "tv"] * 6), price=pl.Series([1.0, 2.0, 3.0, 99.0, None] * 6)
    )
    return made(frames(frame, context=["device", "price"]), **features)


def test_context_columns_of_events() -> None:
    dataset = with_context(event_times=["hour", "weekday"])
    about = dataset.facts["context"]
    assert about["device"] == {"kind": "category", "levels": ["app", "web", RARE]}  # tv is in test rows only
    queries, _ = dataset.held_out("test")
    assert set(queries.context["device"]) == {3}
    assert set(queries.context["price"]) == {0.0}
    assert about["price"]["scale"] == [2.0, pytest.approx(np.std([1, 2, 3]))]
    assert set(queries.context["hour"]) == {2, 3}  # 01:50 to 02:40 UTC
    assert queries.context["weekday"][0] == 7  # a Sunday
    assert queries.side["device"].values is dataset.events["device"]


def test_missing_context_is_zero() -> None:
    raw = {"k": (np.array([0, 1, 1], dtype=np.uint32), ("x",))}
    columns, about = context_columns(
        raw, np.arange(3), np.array([True, True, True]), np.array([-1, -1, -1]), FeatureConfig(event_times=["hour"])
    )
    assert columns["k"].tolist() == [1, 0, 0]
    assert columns["hour"].tolist() == [0, 0, 0]
    assert about["k"]["levels"] == ["x"]


def test_statistics_do_not_see_held_out_items() -> None:
    """The same training rows give the same scale, whatever an item of the test is like."""
    scales = []
    for price in (1.0, 1e9):
        items = pl.DataFrame(
            {"item_id": [f"i{n}" for n in range(30)], "price": [float(n) for n in range(29)] + [price]}
        )
        frame = pl.concat(
            [
                steps(users=6),
                pl.DataFrame({"user_id": ["u0"], "item_id": ["i29"], "rating": [5.0], "timestamp": [1_100_000_000]}),
            ]
        )
        dataset = made(frames(frame, items=items))
        assert dataset.item_counts[dataset.items.number("i29")] == 0
        scales.append(dataset.item_features.columns["price"].scale)
    assert scales[0] == scales[1]
