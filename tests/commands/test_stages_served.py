"""A second stage over real HTTP: what the server, the command line and Python answer is one and the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_toys import shop_page, write_shop
from test_serve import serving, typed

import p5rec
from p5rec.commands import run as stage
from p5rec.commands.made import opened
from p5rec.commands.page import resolve

pytestmark = pytest.mark.prove
USERS = ["u0", "u1", "u5", "u17"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    small = {"width": 16, "heads": 2, "length": 16, "train": {"epochs": 1, "warmup": 1}}
    page = shop_page(
        write_shop(folder),
        model={"ease": {}, "sasrec": small},
        responder={
            "blend": {"of": ["itemknn", "ease", "sasrec"]},
            "gated": {"of": ["itemknn", "ease", "sasrec"]},
            "fused": {"kind": "stack", "of": ["blend", "gated", "sasrec"]},
        },
        serve={"responder": "fused"},
    )
    stage.run(resolve(page), folder / "run")
    return folder / "run"


def told(body: dict[str, Any]) -> tuple[list[str], list[float]]:
    return [one["item_id"] for one in body["items"]], [one["score"] for one in body["items"]]


def framed(recommender: Any, **asked: Any) -> tuple[list[str], list[float]]:
    frame = recommender.recommend(**asked)
    return frame["item_id"].to_list(), frame["score"].to_list()


def same(one: tuple[list[str], list[float]], other: tuple[list[str], list[float]]) -> None:
    assert one[0] == other[0]
    assert one[1] == pytest.approx(other[1], abs=1e-4)


def test_served_is_offline(run: Path):
    recommender = p5rec.load(run)
    assert recommender.facts["serves"] == "fused"
    with serving(run) as (client, _):
        web = {user: told(client.post("/recommendations", json={"user_id": user, "k": 5}).json()) for user in USERS}
        given = [
            {"history": ["i0", "i3", "i9"], "k": 6},
            {"history": ["i4"], "k": 3, "candidates": ["i1", "i2", "i7", "i10"]},
            {"history": ["i2", "i5"], "k": 4, "exclude": ["i8", "i11"]},
        ]
        bodies = [told(client.post("/recommendations", json=body).json()) for body in given]
    for user in USERS:
        same(web[user], framed(recommender, users=[user], k=5))
        same(web[user], told(typed("recommend", run, "--user", user, "-k", 5)))
    for body, answer in zip(given, bodies, strict=True):
        asked = {"histories": [body["history"]], **{key: value for key, value in body.items() if key != "history"}}
        same(answer, framed(recommender, **asked))
        assert len(answer[0]) == min(body["k"], 4 if "candidates" in body else 99)


def test_what_was_measured_is_what_is_served(run: Path):
    """The lists of the test queries, all at once, are those of the server, one after the other."""
    made, _ = opened(run)
    queries, _ = made.dataset.held_out("test")
    ranker = p5rec.load(run).responder()
    measured = ranker(queries, 3)
    rows = np.arange(0, len(queries), 12)
    keys = made.dataset.items.keys
    with serving(run) as (client, _):
        for row in rows:
            body = {"history": keys(np.asarray(queries.history[int(row)])), "k": 3}
            answer = told(client.post("/recommendations", json=body).json())
            same(answer, (keys(measured.items[row]), measured.scores[row].tolist()))


def test_a_live_event_counts_in_the_second_stage(run: Path):
    recommender = p5rec.load(run)
    history = ["i1", "i4", "i7"]
    with serving(run) as (client, _):
        for number, item in enumerate(history):
            event = {"event_id": f"e{number}", "user_id": "somebody new", "item_id": item}
            assert client.post("/events", json=event).json() == {"accepted": 1, "duplicates": 0}
        live = told(client.get("/users/somebody new/recommendations", params={"k": 4}).json())
    same(live, framed(recommender, histories=[history], k=4))
