"""Same law: served = offline, cached = uncached. (Batch = one by one is checked for every plug in tests/contracts.)"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from p5rec.contracts import Event, collate
from p5rec.data.queries import Queries
from p5rec.serving.service import Service
from p5rec.testing.making import FOLDERS, every, fitted, setting
from p5rec.testing.sample import sample

MODELS = [name for name, _ in every("model")]


def ranker(name: str, dataset: object) -> object:
    model = fitted(FOLDERS["model"].load(name), dataset, setting(dataset))  # type: ignore[arg-type]
    scorer = FOLDERS["responder"].load("scorer")
    unseen = FOLDERS["responder"].load("unseen")
    plain = scorer(scorer.Config(), {"model": model}, dataset)
    return unseen(unseen.Config(seen="exclude"), {"inner": plain}, dataset)


@pytest.mark.parametrize("name", MODELS)
def test_served_is_offline(name: str) -> None:
    dataset = sample()
    responder = ranker(name, dataset)
    memory = FOLDERS["store"].load("memory")
    service = Service(dataset, responder, memory(memory.Config()), version="1")
    users = np.flatnonzero(dataset.history("train").lengths > 2)[:6]
    offline = responder(dataset.latest(users), 5)
    told_apart = 0
    for row, user in enumerate(users):
        served = service.recommend(dataset.users.key(user), k=5)
        assert np.allclose([item.score for item in served.items], offline.scores[row], atol=1e-4)
        if len(set(offline.scores[row].tolist())) == 5:
            told_apart += 1
            assert [item.item_id for item in served.items] == dataset.items.keys(offline.items[row])
    assert told_apart or name == "popular", "all lists have ties, so the items themselves were never compared"


@pytest.mark.parametrize("name", MODELS)
def test_an_event_counts_as_if_it_had_been_in_the_data(name: str) -> None:
    dataset = sample()
    responder = ranker(name, dataset)
    memory = FOLDERS["store"].load("memory")
    service = Service(dataset, responder, memory(memory.Config()), version="1")
    user, item = int(np.flatnonzero(dataset.history("train").lengths > 2)[0]), 3
    service.events([Event("e1", dataset.users.key(user), dataset.items.key(item), time=1000.0, kind=dataset.kinds[0])])
    before = dataset.latest(np.array([user]))
    longer = Queries.of([[*before.history[0], item]], users=before.users, context=before.context)
    side = {}
    for column, rows in before.side.items():
        last = {"time": 1000, "label": 1.0}.get(column, 0)
        side[column] = replace(longer.history, values=np.append(rows[0], np.array([last], dtype=rows.values.dtype)))
    offline = responder(replace(longer, side=side), 5)
    served = service.recommend(dataset.users.key(user), k=5)
    assert np.allclose([one.score for one in served.items], offline.scores[0], atol=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_cached_is_uncached(name: str) -> None:
    dataset = sample()
    queries, _ = dataset.held_out("test")
    responder = ranker(name, dataset)
    first, cached = responder(queries, 5), responder(queries, 5)
    anew = ranker(name, dataset)(queries, 5)
    for other in (cached, anew):
        assert np.allclose(first.scores, other.scores, atol=1e-4)


@pytest.mark.parametrize("kinds", [1, 2])
def test_training_sees_what_serving_will_see(kinds: int) -> None:
    """Skew law: before each ask, a training stream holds exactly what serving would put there."""
    dataset = sample(kinds=kinds)
    users = np.flatnonzero(dataset.history("train").lengths > 3)[:8]
    trained = collate(dataset.training(users), asks="every")
    for row, user in enumerate(users):
        whole = dataset.training(np.array([user]))
        for seen in (0, 1, 3):
            cut = {name: replace(rows, stops=rows.starts + seen) for name, rows in whole.side.items()}
            asked = {name: rows.values[rows.stops] for name, rows in cut.items() if name != "label"}
            before = replace(whole.history, stops=whole.history.starts + seen)
            served = collate(replace(whole, history=before, side=cut, context=asked))
            place = seen + 1  # START, then the items seen; here the ask stands
            assert trained.asks[row, seen] == served.asks[0, 0] == place
            assert torch.equal(trained.kinds[row, :place], served.kinds[0, :place])
            assert torch.equal(trained.values[row, :place], served.values[0, :place])
            for name, grid in served.context.items():
                assert torch.equal(trained.context[name][row, : place + 1], grid[0, : place + 1]), name
            for name, grid in served.outcome.items():
                assert torch.equal(trained.outcome[name][row, :place], grid[0, :place]), name
