"""Settings that itemknn chooses for itself, from training rows only."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from p5rec.contracts import collate
from p5rec.core.climb import turn
from p5rec.models.itemknn import CHOICES, ItemKNN, foretold
from p5rec.testing.making import setting
from p5rec.testing.sample import poisoned
from p5rec.testing.sequences import from_sequences


def bags(users=220, colours=8, each=20, length=7):
    """Everyone has some items of one colour, in any order: what stood before counts as much as what came after."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(colours) * each + rng.permutation(each)[:length] for _ in range(users)]
    return from_sequences({f"u{u}": [f"i{item}" for item in row] for u, row in enumerate(drawn)})


def dials(dataset, **settings):
    model = ItemKNN(ItemKNN.Config(**settings), setting(dataset))
    model.solve(dataset)
    return dict(zip(CHOICES, model.dials.tolist(), strict=True))


def last_training_items(dataset, dials):
    """NDCG@10 of each user's last training item by a model that is solved without it."""
    shorter = replace(dataset, bounds=dataset.bounds - np.array([0, 1, 1, 1, 1, 1]))
    model = ItemKNN(ItemKNN.Config(**dials), setting(dataset))
    model.solve(shorter)
    stops = dataset.history("train").stops
    target = torch.from_numpy(dataset.events["item"][stops - 1].astype(np.int64))
    return foretold(model.neighbours, shorter.history("train"), target, dials["recency"])


def test_the_settings_chosen_foretell_the_last_training_items_better():
    dataset = bags()
    found, plain = dials(dataset), dials(dataset, tune=False)
    assert found != plain
    assert last_training_items(dataset, found) > 1.01 * last_training_items(dataset, plain)


def test_what_is_given_is_kept():
    found = dials(bags(), distance=3.0, recency=0.0)
    assert (found["distance"], found["recency"]) == (3.0, 0.0)


def test_foretold_is_ndcg_without_the_history():
    dataset = bags(users=20)
    model = ItemKNN(ItemKNN.Config(tune=False), setting(dataset))
    model.solve(dataset)
    queries, truth = dataset.held_out("valid")
    target = np.array([row[0] for row in truth.items])
    with torch.inference_mode():
        scores = model.neighbours.score(*model.encode(collate(queries, None)).values())[:, 0].numpy()
    gains = []
    for row, history in enumerate(queries.history):
        rivals = np.setdiff1d(np.arange(dataset.n_items), [*history, target[row]])
        place = 1 + (scores[row, rivals] >= scores[row, target[row]]).sum()
        gains.append(1 / np.log2(place + 1) if place <= 10 else 0.0)
    found = foretold(model.neighbours, queries.history, torch.from_numpy(target.astype(np.int64)), 1.0)
    assert found == pytest.approx(np.mean(gains))


def test_held_out_rows_choose_nothing():
    dataset = bags()
    assert dials(dataset) == dials(poisoned(dataset))


def test_few_users_choose_nothing():
    assert dials(bags(users=100)) == dials(bags(users=100), tune=False)


def test_a_dial_is_turned_where_it_gains():
    def value(dials):
        return 1.0 - abs(dials["a"] - 3) / 10 - abs(dials["b"] - 1) / 1000

    assert turn(value, {"a": 1, "b": 2, "c": 5}, {"a": (1, 2, 3, 4), "b": (1, 2), "c": (5,)}) == {
        "a": 3,
        "b": 2,
        "c": 5,
    }
