"""Datasets on disk: whole or absent, lazy, the same after loading; and how they grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from data_toys import frames, made, steps

from p5rec.core.errors import InputError
from p5rec.data import growing, storage
from p5rec.data.dataset import Dataset
from p5rec.data.features import Kind
from p5rec.data.ragged import Ragged


@pytest.fixture
def dataset() -> Dataset:
    items = pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(7)],
            "title": [f"Title {n}" for n in range(6)] + [None],
            "genre": ["a", "b"] * 3 + [None],
            "tags": [["x"], ["x", "y"], [], ["y"], None, ["x"], ["y"]],
            "price": [1.0, 2.0, 3.0, 4.0, None, 6.0, 7.0],
            "released": ["2000-01-01"] * 7,
            "vector": [[float(n), 1.0] for n in range(7)],
        }
    )
    users = pl.DataFrame({"user_id": ["u0", "u1"], "age": [20, 30]})
    return made(frames(steps(), items=items, users=users))


def alike(one: object, other: object) -> bool:
    if isinstance(one, Ragged):
        assert isinstance(other, Ragged)
        return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    if one.dtype == object:  # type: ignore[attr-defined]
        return one.tolist() == other.tolist()  # type: ignore[attr-defined]
    return np.array_equal(one, other, equal_nan=True)  # type: ignore[arg-type]


def test_loaded_is_what_was_saved(dataset: Dataset, tmp_path: Path) -> None:
    storage.save(dataset, tmp_path / "d")
    loaded = storage.load(tmp_path / "d")
    for name, values in dataset.events.items():
        assert np.array_equal(values, loaded.events[name])
    for side in ("item_features", "user_features"):
        before, after = getattr(dataset, side), getattr(loaded, side)
        assert list(before.columns) == list(after.columns)
        for name, column in before.columns.items():
            assert alike(column.values, after.columns[name].values), name
            assert (column.kind, column.levels, column.scale) == (
                after.columns[name].kind,
                after.columns[name].levels,
                after.columns[name].scale,
            )
    assert loaded.titles == dataset.titles
    assert loaded.schema == dataset.schema
    assert loaded.kinds == dataset.kinds
    assert {**loaded.facts, "fingerprint": 0} == {**dataset.facts, "fingerprint": 0}


def test_features_are_read_when_looked_at(dataset: Dataset, tmp_path: Path) -> None:
    storage.save(dataset, tmp_path / "d")
    loaded = storage.load(tmp_path / "d")
    for path in (tmp_path / "d" / "item_features").iterdir():
        path.unlink()
    assert loaded.item_features.of_kind(Kind.AUDIO) == {}
    with pytest.raises(FileNotFoundError):
        _ = loaded.item_features.columns["title"]


def test_fingerprint_is_of_the_content(dataset: Dataset, tmp_path: Path) -> None:
    for name in ("a", "b"):
        storage.save(dataset, tmp_path / name)
    storage.save(made(frames(steps()), seed=1), tmp_path / "c")
    prints = [storage.load(tmp_path / name).facts["fingerprint"] for name in "abc"]
    assert prints[0] == prints[1] != prints[2]


def test_damaged_and_unfinished_folders(dataset: Dataset, tmp_path: Path) -> None:
    storage.save(dataset, tmp_path / "d")
    (tmp_path / "d" / "bounds.npy").write_bytes(b"noise")
    with pytest.raises(InputError, match=r"d: this dataset is damaged .*; prepare it again"):
        storage.load(tmp_path / "d")
    (tmp_path / "d" / "artifact.json").unlink()
    with pytest.raises(InputError, match="this dataset was never finished"):
        storage.load(tmp_path / "d")
    with pytest.raises(InputError, match="there is no such folder"):
        storage.load(tmp_path / "none")


def test_grown_keeps_the_old(dataset: Dataset, tmp_path: Path) -> None:
    storage.save(dataset, tmp_path / "d")
    for before in (dataset, storage.load(tmp_path / "d")):
        grown = storage.grow(
            before,
            users=["u0", "new user"],
            items=[
                {"item_id": "i1", "title": "another"},
                {
                    "item_id": "n/1",
                    "title": "A &amp; B",
                    "genre": "b",
                    "tags": ["y", "z"],
                    "price": 3,
                    "vector": [1, 2],
                },
                {"item_id": "n/2", "genre": "c", "released": "2001-01-01", "tags": "x|z"},
            ],
        )
        assert (grown.n_users, grown.n_items) == (before.n_users + 1, before.n_items + 2)
        assert grown.items.all()[: before.n_items] == before.items.all()
        columns = grown.item_features.columns
        for name, column in before.item_features.columns.items():
            old = columns[name].values
            kept = old.rows(slice(0, 7)) if isinstance(old, Ragged) else old[:7]
            assert alike(column.values, kept), name
            assert columns[name].levels[: len(column.levels)] == column.levels
        assert grown.titles[-2:] == ["A & B", "n/2"]
        assert columns["genre"].values[-2:].tolist() == [1, columns["genre"].levels.index("c")]
        assert [columns["tags"].levels[n] for n in columns["tags"].values[7]] == ["y", "z"]
        assert [columns["tags"].levels[n] for n in columns["tags"].values[8]] == ["x", "z"]
        scale = columns["price"].scale
        assert columns["price"].values[7] * scale[1] + scale[0] == pytest.approx(3)
        assert np.isnan(columns["price"].values[8])
        assert columns["released_age"].values[8] != columns["released_age"].values[0]
        assert np.isnan(columns["vector"].values[8]).all()
        assert np.isnan(grown.user_features.columns["age"].values[-1])
        assert len(grown.latest(np.array([grown.users.number("new user")])).history[0]) == 0
        assert len(grown.held_out("test")[0]) == len(before.held_out("test")[0])


def test_grown_can_be_saved(dataset: Dataset, tmp_path: Path) -> None:
    storage.save(storage.grow(dataset, items=[{"item_id": "n", "title": "T"}]), tmp_path / "d")
    assert storage.load(tmp_path / "d").titles[-1] == "T"


def test_rows_that_cannot_join(dataset: Dataset) -> None:
    rows = [{"title": "x"}, {"item_id": "n", "titel": "x", "price": "dear", "tags": 3, "genre": ["a"], "vector": "v"}]
    with pytest.raises(InputError) as caught:
        storage.grow(dataset, items=rows)
    assert caught.value.faults == (
        "item row 1: there is no item_id; expected the id of the new item",
        "item row 2: there is no item column 'titel'; did you mean 'title'?",
        "item row 2, column 'price': found 'dear', expected a number from -1e+30 to 1e+30",
        "item row 2, column 'tags': found 3, expected a list",
        "item row 2, column 'genre': found ['a'], expected one value",
        "item row 2, column 'vector': found 'v', expected a list of numbers, each a number from -1e+30 to 1e+30",
    )
    more = [{"item_id": "n", "vector": [1, 2, 3]}, {"item_id": "m", "titel": 1, "released": "soon"}, {"titel": 2}]
    assert growing.faults(dataset, more) == [
        "item row 1, column 'vector': found [1, 2, 3], expected 2 numbers, not 3",
        "item row 2: there is no item column 'titel'; did you mean 'title'?",
        "item row 2, column 'released': found 'soon', expected a time",
        "item row 3: there is no item_id; expected the id of the new item",
    ]


@pytest.mark.parametrize("number", [1e308, -2e30, pytest.param(10**400, id="huge"), float("nan"), "1e31"])
def test_numbers_that_would_not_stay_finite_cannot_join(dataset: Dataset, number: Any) -> None:
    rows = [{"item_id": "n", "price": number}, {"item_id": "m", "vector": [0, number]}]
    first, second = growing.faults(dataset, rows)
    assert first.startswith(f"item row 1, column 'price': found {str(number)[:40]}".replace("1e31", "'1e31'"))
    assert first.endswith("expected a number from -1e+30 to 1e+30")
    assert second.endswith("expected a list of numbers, each a number from -1e+30 to 1e+30")
    assert not growing.faults(dataset, [{"item_id": "n", "price": 1e30, "vector": [-1e30, 1]}])


def test_data_without_an_item_table_grows_by_ids() -> None:
    grown = storage.grow(made(frames(steps())), items=[{"item_id": "n"}])
    assert grown.titles[-1] == "n"
