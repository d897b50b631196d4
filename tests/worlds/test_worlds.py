"""The worlds themselves: what the law promises is what the oracle gets on the drawn data."""

import numpy as np
import pytest

from p5rec.testing.worlds import WORLDS, World, category, from_sequences


def ranks(world: World) -> np.ndarray:
    queries, truth = world.dataset.held_out("test")
    scores = world.oracle(queries).astype(float)
    if not world.seen:
        row, items = queries.history.flat()
        scores[row, items] = -np.inf
    scores += 1e-9 * np.random.default_rng(0).random(scores.shape)  # ties are broken by chance, as in the promise
    right = np.take_along_axis(scores, truth.items.padded(), axis=1)
    return 1 + (scores > right).sum(1)


def realised(world: World, metric: str) -> np.ndarray:
    """The oracle's statistic of each query."""
    name, _, k = metric.partition("@")
    place = ranks(world)
    if name == "rank":
        return place
    return np.where(place <= int(k), 1.0 if name == "recall" else 1 / np.log2(place + 1), 0.0)


NUMBERS = ("ratings", "words_decide")  # worlds of labels


@pytest.mark.parametrize("name", [name for name in WORLDS if name not in NUMBERS])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_oracle_gets_what_the_law_promises(name: str, seed: int) -> None:
    world = WORLDS[name](seed)
    for metric, promised in world.best.items():
        drawn = realised(world, metric)
        error = drawn.std() / np.sqrt(len(drawn))
        assert drawn.mean() == pytest.approx(promised, abs=max(4 * error, 1e-9)), metric
        assert abs(world.blind[metric] - promised) > 0.1 * promised, "a world must be able to tell the blind"


@pytest.mark.parametrize("name", NUMBERS)
def test_the_noise_is_the_best_rmse_of_worlds_of_labels(name: str) -> None:
    world = WORLDS[name](0)
    queries, truth = world.dataset.held_out("test")
    expected = np.take_along_axis(world.oracle(queries), truth.items.padded(), axis=1)
    error = truth.labels.padded() - expected
    assert np.sqrt((error**2).mean()) == pytest.approx(world.best["rmse"], rel=0.1)


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_a_function_of_its_seed(name: str) -> None:
    first, again, other = WORLDS[name](3), WORLDS[name](3), WORLDS[name](4)
    assert np.array_equal(first.dataset.events["item"], again.dataset.events["item"])
    assert not np.array_equal(first.dataset.events["item"], other.dataset.events["item"])


def test_fresh_items_of_the_category_world_stand_in_no_training_row() -> None:
    dataset = WORLDS["category_decides"](0).dataset
    fresh = [number for number, key in enumerate(dataset.items.all().to_pylist()) if int(key[1:]) % 10 >= 7]
    assert not set(fresh) & set(dataset.training_items.tolist())
    _, truth = dataset.held_out("test")
    assert set(fresh) & set(truth.items.flat()[1].tolist())


def test_side_columns_follow_their_events() -> None:
    dataset = from_sequences(
        {"a": ["x", "y", "z"], "b": ["z", "x", "y", "x"]},
        labels={"a": [1, 2, 3], "b": [4, 5, 1, 2]},
        times={"a": [10, 10, 30], "b": [1, 2, 3, 4]},
        kinds={"a": [0, 1, 1], "b": [1, 0, 1, 1]},
        kind_names=("view", "buy"),
        target=1,
        context={"device": {"a": [0, 1, 2], "b": [2, 1, 0, 1]}},
    )
    row = dataset.users.number("b")
    queries, truth = dataset.held_out("test")
    at = int(np.flatnonzero(queries.users == row)[0])
    assert dataset.items.keys(queries.history[at]) == ["z", "x", "y"]
    assert queries.side["device"][at].tolist() == [2, 1, 0]
    assert queries.side["label"][at].tolist() == [4, 5, 1]
    assert queries.context["device"][at] == 1
    assert queries.context["time"][at] == 4
    assert dataset.items.keys(truth.items[at]) == ["x"]
    assert dataset.facts["ties"] == pytest.approx(2 / 7)


def test_repeats_are_counted_on_training_rows() -> None:
    dataset = from_sequences({"a": ["x", "x", "y", "z", "z"]})
    assert dataset.facts["repeat_rate"] == pytest.approx(1 / 3)


def test_a_category_that_is_not_known_is_missing() -> None:
    dataset = from_sequences({"a": ["x", "y"]}, items=["z"])
    column = category(dataset.items, {"x": "red", "z": "blue"})
    assert column.levels == ("blue", "red")
    values = dict(zip(dataset.items.all().to_pylist(), column.values.tolist(), strict=True))
    assert values == {"x": 1, "y": -1, "z": 0}
