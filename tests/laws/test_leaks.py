"""Leak law: numbers say nothing of order, time or popularity, and what is held out is held out of everything."""

from dataclasses import replace

import numpy as np
import pytest

from p5rec.core import seed as seeds
from p5rec.data.dataset import Dataset
from p5rec.data.events import Part
from p5rec.testing.checks.models import Bench
from p5rec.testing.making import FOLDERS
from p5rec.testing.sample import poisoned, sample
from p5rec.testing.worlds import from_sequences

ITEMS, USERS, LENGTH = 400, 500, 8


def first_seen(seed: int = 0) -> dict[str, list[str]]:
    """Sequences whose raw ids are numbered by first appearance over whole histories, as published files are.

    Users draw at random; and yet, where an item is new, its id is the largest so far + 1.
    """
    rng = seeds.rng(seed, "first seen")
    number: dict[int, int] = {}
    rows = {}
    for user in range(USERS):
        drawn = rng.choice(ITEMS, LENGTH, replace=False)
        rows[f"{user}"] = [str(number.setdefault(int(item), len(number) + 1)) for item in drawn]
    return rows


def next_numbers(rows: list[np.ndarray], right: list[int], size: int) -> tuple[float, float]:
    """(found, by chance) recall@10 of guessing the largest number of a history + 1, + 2, … + 10."""
    guesses = [np.arange(max(row) + 1, max(row) + 11) for row in rows]
    offered = np.mean([min(10, max(size - 1 - max(row), 0)) / size for row in rows])
    return float(np.mean([item in guess for item, guess in zip(right, guesses, strict=True)])), float(offered)


def test_the_published_numbering_leaks_and_ours_does_not() -> None:
    sequences = first_seen()
    early = list(sequences)[:40]  # while most items are new to the file
    raw = [np.array([int(item) for item in sequences[user]]) for user in early]
    found, chance = next_numbers([row[:-1] for row in raw], [int(row[-1]) for row in raw], ITEMS + 1)
    assert found > 0.3 > 5 * chance, "the trap of the published files is not in this test"
    dataset = from_sequences(sequences)
    queries, truth = dataset.held_out("test")
    right = [int(row[0]) for row in truth.items]
    found, chance = next_numbers(list(queries.history), right, dataset.n_items)
    assert found == pytest.approx(chance, abs=4 * np.sqrt(chance / len(right)) + 1e-9)


def test_numbers_follow_neither_popularity_nor_time() -> None:
    dataset = from_sequences(first_seen(3))
    row, items = dataset.history("test").flat()
    first = np.array([row[items == item].min(initial=USERS) for item in range(dataset.n_items)])
    for statistic in (dataset.item_counts, first):
        assert abs(np.corrcoef(np.arange(dataset.n_items), statistic)[0, 1]) < 4 / np.sqrt(dataset.n_items)


def test_the_order_of_rows_is_nothing() -> None:
    sequences = first_seen(1)
    turned = dict(reversed(sequences.items()))
    one, other = from_sequences(sequences), from_sequences(turned)
    assert one.items.all().equals(other.items.all())
    assert np.array_equal(one.events["item"], other.events["item"])


def test_held_out_pairs_are_in_no_training_row() -> None:
    dataset = from_sequences({f"u{n}": [f"i{(3 * n + 5 * k) % 17}" for k in range(8)] for n in range(20)})
    user, item, _ = dataset.pairs("train")
    trained = set(zip(user.tolist(), item.tolist(), strict=True))
    for part in ("valid", "test"):
        users, items, _ = dataset.pairs(part)
        assert len(users) == 20
        assert trained.isdisjoint(zip(users.tolist(), items.tolist(), strict=True))
    assert len(user) == (dataset.bounds[:, Part.GIVEN] - dataset.bounds[:, Part.TRAIN]).sum()
    training = dataset.training(np.arange(dataset.n_users))
    assert np.array_equal(training.history.flat()[1], item)
    merged = dataset.merged()
    test = merged.bounds[:, Part.UNUSED] - merged.bounds[:, Part.TEST]
    assert np.array_equal(test, dataset.bounds[:, Part.UNUSED] - dataset.bounds[:, Part.TEST])
    assert merged.history("train").lengths.sum() == dataset.history("test").lengths.sum()


def test_statistics_come_from_training_rows() -> None:
    clean = sample()
    dirty = poisoned(clean)
    assert not np.array_equal(clean.events["item"], dirty.events["item"])
    assert np.array_equal(clean.item_counts, dirty.item_counts)
    assert np.array_equal(clean.training_items, dirty.training_items)


def answered(dataset: Dataset, name: str, part: str) -> np.ndarray:
    """Scores of a solved model for the queries of a part."""
    bench = Bench.of(FOLDERS["model"].load(name), dataset)
    queries, _ = dataset.held_out(part)  # type: ignore[arg-type]
    return bench.scores(bench.asked(queries))[:, 0].numpy()


def test_a_query_of_the_test_sees_validation_but_not_the_test() -> None:
    clean = sample()
    dirty = poisoned(clean)
    held = clean.history("test").lengths - clean.history("valid").lengths
    assert (held == 1).all(), "the history of the test holds the validation event"
    events = {name: np.array(values) for name, values in clean.events.items()}
    test = clean.bounds[:, Part.TEST]
    events["item"][test] = dirty.events["item"][test]
    assert np.array_equal(
        answered(clean, "itemknn", "test"), answered(replace(clean, events=events), "itemknn", "test")
    )
