"""Served = offline: live events after an early artifact ask what an artifact of all events asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from serving_toys import Near

from p5rec.contracts import Dataset, Event, Responder
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.data.builder import prepare
from p5rec.data.encode import FeatureConfig
from p5rec.data.growing import grow
from p5rec.data.queries import Queries
from p5rec.data.sources.frame import Frame
from p5rec.data.splits.leave_one_out import LeaveOneOut
from p5rec.models.itemknn import ItemKNN
from p5rec.models.popular import Popular
from p5rec.responders.scorer import Scorer
from p5rec.responders.unseen import Unseen
from p5rec.serving.questions import Question
from p5rec.serving.service import Service
from p5rec.serving.stores.memory import Memory
from p5rec.testing import making
from p5rec.testing.making import FOLDERS

NOON = 1_700_000_000


def log() -> pl.DataFrame:
    """Twelve users, ten events each, an hour and a bit apart, with ratings, devices and two kinds of event."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(12), 10)
    step = np.tile(np.arange(10), 12)
    return pl.DataFrame(
        {
            "user_id": [f"u{n}" for n in users],
            "item_id": [f"i{n}" for n in rng.integers(0, 25, len(users))],
            "timestamp": NOON + step * 4000 + users,
            "rating": rng.integers(1, 6, len(users)).astype(float),
            "event": rng.choice(["view", "buy"], len(users)),
            "device": rng.choice(["phone", "desk", "tablet"], len(users)),
        }
    )


def prepared(events: pl.DataFrame, folder: Path) -> Dataset:
    catalogue = pl.DataFrame({"item_id": [f"i{n}" for n in range(25)], "genre": [f"g{n % 4}" for n in range(25)]})
    tables = Frame(Frame.Config(events=events, items=catalogue, context=["device"])).read()
    features = FeatureConfig(event_times=["hour"], rare_below=1)
    return prepare(tables, folder, split=LeaveOneOut(LeaveOneOut.Config()), features=features, target="buy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("same")


@pytest.fixture(scope="module")
def whole(folder: Path) -> Dataset:
    return prepared(log(), folder / "whole")


@pytest.fixture(scope="module")
def early(folder: Path) -> Dataset:
    return prepared(log().filter(pl.col("timestamp") < NOON + 6 * 4000 - 1), folder / "early")


def later() -> list[Event]:
    """What the early artifact has not seen, in any order."""
    rows = log().filter(pl.col("timestamp") >= NOON + 6 * 4000 - 1).sample(fraction=1, shuffle=True, seed=1)
    return [
        Event(
            "", row["user_id"], row["item_id"], row["timestamp"], row["event"], row["rating"], {"device": row["device"]}
        )
        for row in rows.iter_rows(named=True)
    ]


def rows(queries: Queries) -> Iterator[dict[str, Any]]:
    """Each query as plain lists."""
    for row in range(len(queries)):
        sides = {name: side[row].tolist() for name, side in queries.side.items()}
        context = {name: values[row].item() for name, values in queries.context.items()}
        yield {"item": queries.history[row].tolist(), **sides, "asked": context}


def test_live_events_become_the_columns_that_preparing_makes(whole: Dataset, early: Dataset) -> None:
    assert whole.items.all().equals(early.items.all())
    assert {"device", "hour", "kind", "label"} < set(whole.events)
    responder = Near(early)
    service = Service(early, responder, Memory(Config()), version="v1")
    service.events(later())
    for number in range(12):
        service.recommend(f"u{number}", time=NOON + 1e5, context={"device": "tablet"})
        (served,) = rows(responder.calls[-1])
        (offline,) = rows(whole.latest(whole.users.numbers([f"u{number}"])))
        asked = served.pop("asked")
        offline.pop("asked")
        assert served == offline
        tablet = whole.facts["context"]["device"]["levels"].index("tablet") + 1
        assert asked == {"time": NOON + 100_000, "kind": whole.target, "device": tablet, "hour": 3}
    service.close()


def test_a_request_is_told_what_a_held_out_event_is(whole: Dataset) -> None:
    queries, _ = whole.held_out("test")
    responder = Near(whole)
    service = Service(whole, responder, Memory(Config()), version="v1")
    levels = whole.facts["context"]["device"]["levels"]
    for row, offline in enumerate(rows(queries)):
        asked = offline["asked"]
        device = levels[asked["device"] - 1]
        history = tuple(whole.items.keys(offline["item"]))
        service.recommend(history=history, time=float(asked["time"]), context={"device": device})
        (served,) = rows(responder.calls[-1])
        assert served["item"] == offline["item"], row
        assert served["asked"] == asked
    service.close()


def test_wrong_context_is_a_sentence(early: Dataset) -> None:
    service = Service(early, Near(early), Memory(Config()), version="v1")
    for told, sentence in [
        ({"devise": "phone"}, "context: the data has no context column 'devise'; did you mean 'device'?"),
        ({"hour": "3"}, "context: the data has no context column 'hour'"),
    ]:
        with pytest.raises(InputError, match=sentence):
            service.recommend("u1", context=told)
        with pytest.raises(InputError, match=sentence):
            service.events([Event("", "u1", "i1", NOON, context=told)])
    service.recommend("u1", context={"device": "a watch"})
    service.close()


# ---------------------------------------------------------------- real models


def ranker(dataset: Dataset, model: Any) -> Responder:
    scorer = Scorer(Scorer.Config(), {"model": model}, dataset)
    return Unseen(Unseen.Config(seen="exclude"), {"scorer": scorer}, dataset)


@pytest.fixture(params=[Popular, ItemKNN])
def model(request: pytest.FixtureRequest, early: Dataset) -> Any:
    return making.fitted(request.param, early, making.setting(early))


def test_answers_are_those_of_the_responder_alone_and_in_any_batch(early: Dataset, model: Any) -> None:
    responder = ranker(early, model)
    service = Service(early, responder, Memory(Config()), version="v1", models=lambda: {"model": model})
    users = [f"u{n}" for n in range(12)]
    offline = responder(early.latest(early.users.numbers(users)), 5)
    alone = [service.recommend(user, k=5, reasons=True) for user in users]
    with service._turn:
        futures = [service.ask(Question(user, k=5, reasons=True)) for user in users]
    for row, (user, future) in enumerate(zip(users, futures, strict=True)):
        served = future.result(20)
        keep = offline.items[row] >= 0
        assert [one.item_id for one in served.items] == early.items.keys(offline.items[row][keep]), user
        assert np.allclose([one.score for one in served.items], offline.scores[row][keep], atol=1e-4)
        assert [one.item_id for one in alone[row].items] == [one.item_id for one in served.items]
        assert [one.because for one in alone[row].items] == [one.because for one in served.items]
    service.close()


def test_an_item_that_came_live_is_ranked_and_counts_as_history(early: Dataset, model: Any) -> None:
    state: dict[str, Any] = {"dataset": early}

    def add_items(new: Sequence[Mapping[str, Any]]) -> tuple[Dataset, Responder]:
        state["dataset"] = grow(state["dataset"], items=new)
        model.grow(making.setting(state["dataset"]))
        return state["dataset"], ranker(state["dataset"], model)

    store = Memory(Config())
    service = Service(
        early, ranker(early, model), store, version="v1", models=lambda: {"model": model}, add_items=add_items
    )
    before = service.recommend("u3")
    with pytest.raises(InputError, match="there is no item column 'genere'; did you mean 'genre'"):
        service.add_items([{"item_id": "fresh", "genere": "g1"}])
    assert service.add_items([{"item_id": "fresh", "genre": "g1"}]).added == 1
    after = service.recommend("u3")
    assert [one.score for one in after.items] == [one.score for one in before.items]  # items may tie
    everything = service.recommend("u3", k=100)
    assert "fresh" in [one.item_id for one in everything.items]
    service.events([Event("", "u3", "fresh", NOON + 1e5)])
    assert "fresh" not in [one.item_id for one in service.recommend("u3", k=100).items]
    service.close()


@pytest.mark.parametrize(("modalities", "distinct"), [(("id", "category"), 2), (("id",), 1)])
def test_content_tells_new_items_apart_where_a_tower_reads_it(
    early: Dataset, modalities: tuple[str, ...], distinct: int
) -> None:
    state: dict[str, Any] = {"dataset": early}
    model = making.fitted(FOLDERS["model"].load("sasrec"), early, making.setting(early, modalities))

    def add_items(new: Sequence[Mapping[str, Any]]) -> tuple[Dataset, Responder]:
        state["dataset"] = grow(state["dataset"], items=new)
        model.grow(making.setting(state["dataset"], modalities))
        return state["dataset"], ranker(state["dataset"], model)

    service = Service(early, ranker(early, model), Memory(Config()), version="v1", add_items=add_items)
    service.add_items([{"item_id": "first", "genre": "g1"}, {"item_id": "second", "genre": "g2"}])
    service.add_items([{"item_id": "third", "genre": "g1"}])
    answer = service.recommend("u3", candidates=("first", "second", "third"))
    scores = {one.item_id: round(one.score, 4) for one in answer.items}
    assert len(scores) == 3
    assert scores["first"] == scores["third"]
    assert len(set(scores.values())) == distinct
    service.close()
