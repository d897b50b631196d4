"""The web: a real server on a loopback port, and what clients get wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from serving_toys import ITEMS, Near, served

from p5rec.contracts import Dataset, Event
from p5rec.core.config import Config
from p5rec.core.errors import P5Error
from p5rec.serving.http import app
from p5rec.serving.limits import Limits
from p5rec.serving.service import Service
from p5rec.serving.stores.memory import Memory
from p5rec.serving.stores.sqlite import Sqlite

ODD = ["a/b", "a/recommendations", "ü ö", "'\"; DROP TABLE events;--", "%2F", "a?b#c&d=e", "x" * 10_000, "🎬" * 4000]


def items(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def detail(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["detail"]
    assert "\n" not in answer.json()["detail"]
    return str(answer.json()["detail"])


# ---------------------------------------------------------------- the way of an event


def test_an_event_is_reflected_in_the_next_answer(client: httpx.Client) -> None:
    before = client.get("/users/u0/recommendations", params={"k": 3})
    assert before.json()["version"] == "v1"
    assert before.json()["events_seen"] == 5
    posted = client.post("/events", json={"event_id": "e", "user_id": "u0", "item_id": "i9", "time": 1_700_000_000})
    assert posted.json() == {"accepted": 1, "duplicates": 0}
    after = client.get("/users/u0/recommendations", params={"k": 3})
    assert after.json()["events_seen"] == 6
    assert items(after)[0] == "i9"
    assert set(after.json()["items"][0]) == {"item_id", "score", "title"}
    again = client.post("/events", json={"event_id": "e", "user_id": "u0", "item_id": "i9"})
    assert again.json() == {"accepted": 0, "duplicates": 1}
    assert client.get("/users/u0/recommendations", params={"k": 3}).json() == after.json()


def test_a_list_of_events_is_kept_or_refused_as_a_whole(client: httpx.Client) -> None:
    good = [{"user_id": "a", "item_id": "i1"}, {"user_id": "b", "item_id": "i2"}]
    refused = client.post("/events", json=[*good, {"user_id": "c"}])
    assert detail(refused, 422) == "[2].item_id: this field is required"
    assert client.get("/health/ready").json()["events"] == 0
    assert client.post("/events", json=good).json() == {"accepted": 2, "duplicates": 0}
    assert client.post("/events", json=[]).json() == {"accepted": 0, "duplicates": 0}


def test_both_ways_to_ask_agree(shared: httpx.Client) -> None:
    got = shared.get("/users/u3/recommendations", params={"k": 4}).json()
    assert shared.post("/recommendations", json={"user_id": "u3", "k": 4}).json() == got
    history = shared.post("/recommendations", json={"history": ["i3", "i5"], "k": 2})
    assert items(history) == ["i5", "i3"]
    chosen = shared.post("/recommendations", json={"user_id": "u3", "candidates": ["i1", "i2"], "exclude": ["i2"]})
    assert items(chosen) == ["i1"]
    assert chosen.json()["note"] == "asked for 10 items, only 1 can be answered"


def test_reasons(shared: httpx.Client) -> None:
    told = shared.get("/users/u0/recommendations", params={"reasons": True}).json()["items"]
    assert {item["because"] for item in told} == {"i4"}


@pytest.mark.parametrize("odd", ODD)
def test_any_text_is_an_id(shared: httpx.Client, odd: str) -> None:
    shared.post("/events", json={"user_id": odd, "item_id": "i7"}).raise_for_status()
    in_path = shared.get(f"/users/{quote(odd, safe='')}/recommendations", params={"k": 3})
    assert items(in_path)[0] == "i7"
    assert shared.post("/recommendations", json={"user_id": odd, "k": 3}).json() == in_path.json()
    assert shared.delete(f"/users/{quote(odd, safe='')}").json() == {"erased": 1}
    assert shared.post("/recommendations", json={"user_id": odd}).json()["events_seen"] == 0


def test_an_unknown_user_gets_an_answer_and_a_note(shared: httpx.Client) -> None:
    answer = shared.get("/users/nobody/recommendations")
    assert len(items(answer)) == 10
    assert answer.json()["note"] == "nothing is known of user 'nobody', so these are for a new user"


def test_similar_items(shared: httpx.Client) -> None:
    assert len(items(shared.get("/items/i3/similar", params={"k": 5}))) == 5
    missing = shared.get(f"/items/{quote('no/such', safe='')}/similar")
    assert detail(missing, 404) == "there is no item 'no/such'; post it to /items with its content first"


def test_health_and_documentation(client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready", "version": "v1", "events": 0}
    assert client.head("/health/ready").status_code == client.head("/health/live").status_code == 200
    page = client.get("/openapi.json").json()
    assert set(page["paths"]) == {
        "/events",
        "/users/{user_id}",
        "/users/{user_id}/recommendations",
        "/ask",
        "/users/{user_id}/explanations/{item_id}",
        "/recommendations",
        "/items",
        "/items/{item_id}/similar",
        "/health/live",
        "/health/ready",
    }
    for path in page["paths"].values():
        for operation in path.values():
            wrong = operation["responses"]["422"]["content"]["application/json"]["schema"]
            assert wrong == {"$ref": "#/components/schemas/Fault"}
    assert page["components"]["schemas"]["EventBody"]["examples"]
    assert client.get("/docs").status_code == 200


def test_not_ready_is_503(service: Service) -> None:
    async def ask() -> int:
        web = httpx.ASGITransport(app(service))  # the life of the application, and so the warm-up, does not begin
        async with httpx.AsyncClient(transport=web, base_url="http://test") as client:
            return (await client.get("/health/ready")).status_code

    assert asyncio.run(ask()) == 503


def test_clients_at_once_lose_nothing(dataset: Dataset, tmp_path: Path) -> None:
    service = Service(dataset, Near(dataset), Sqlite(Sqlite.Config(), tmp_path), version="v1")
    with served(service) as client, ThreadPoolExecutor(32) as pool:

        def work(number: int) -> list[int]:
            seen = []
            for item in ITEMS[:4]:
                client.post("/events", json={"user_id": f"c{number}", "item_id": item}).raise_for_status()
                seen.append(client.get(f"/users/c{number}/recommendations").json()["events_seen"])
            return seen

        assert list(pool.map(work, range(32))) == [[1, 2, 3, 4]] * 32
        assert client.get("/health/ready").json()["events"] == 128


# ---------------------------------------------------------------- what clients get wrong

E, R, N = "/events", "/recommendations", "/items"
GOOD = {"user_id": "u", "item_id": "i1"}


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        (E, GOOD | {"user_id": 5}, "user_id: found 5, expected a string"),
        (E, GOOD | {"user_id": None}, "user_id: found null, expected a string"),
        (E, GOOD | {"user_id": ""}, "user_id: found an empty id, expected a string of 1 to 16384 characters"),
        (
            E,
            {"user_id": "u", "item": "i"},
            "item_id: this field is required; item: there is no such field; did you mean",
        ),
        (E, GOOD | {"time": "noon"}, 'time: found "noon", expected a number'),
        (E, GOOD | {"time": True}, "time: found true, expected a number"),
        (E, GOOD | {"time": -1}, "time: found -1, expected greater than or equal to 0"),
        (E, GOOD | {"time": 1e15}, "time: found 1000000000000000, which lies ahead of this clock"),
        (E, GOOD | {"kind": "sell"}, "kind: found 'sell', known are: event"),
        (E, GOOD | {"label": [1]}, "label: found [1], expected a number"),
        (E, [GOOD, 7], "[1]: found 7, expected a JSON object"),
        (E, [GOOD, GOOD | {"item_id": ""}], "[1].item_id: found an empty id"),
        (E, [{}], "[0].user_id: this field is required; [0].item_id: this field is required"),
        (E, [[GOOD]], "[0]: found [{"),
        (E, 5, "the body: found 5, expected a JSON object"),
        (E, None, "the body is missing, expected JSON"),
        (E, [{}] * 30, "and 50 more faults"),
        (R, {}, "expected either user_id or history, found neither"),
        (R, {"user_id": "u", "history": ["i1"]}, "expected either user_id or history, found both"),
        (R, {"user_id": "u", "history": []}, "expected either user_id or history, found both"),
        (R, {"user_id": "u", "k": 0}, "k: found 0, expected greater than or equal to 1"),
        (R, {"user_id": "u", "k": 1001}, "k: found 1001, expected 1 to 1000"),
        (R, {"user_id": "u", "k": "10"}, 'k: found "10", expected a whole number'),
        (R, {"user_id": "u", "k": 1.5}, "k: found 1.5, expected a whole number"),
        (R, {"history": [1, "i2"]}, "history[0]: found 1, expected a string"),
        (R, {"history": "i1"}, 'history: found "i1", expected a list'),
        (R, {"user_id": "u", "candidates": {}}, "candidates: found {}, expected a list"),
        (R, {"user_id": "u", "n": 3}, "n: there is no such field"),
        (R, [], "the body: found [], expected a JSON object"),
        (N, {"title": "x"}, "item_id: this field is required"),
        (N, {"item_id": "x"}, "this service cannot take new items"),
    ],
)
def test_a_wrong_body_is_one_sentence(shared: httpx.Client, path: str, body: Any, sentence: str) -> None:
    assert sentence in detail(shared.post(path, json=body), 422)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "the body is not JSON: Expecting property name enclosed in double quotes"),
        (b"\xff\xfe\x00", "the body cannot be read as JSON in UTF-8"),
        (b'{"user_id": "u", "item_id": "i1", "label": NaN}', "label: found NaN, expected a finite number"),
        (b'{"user_id": "u", "item_id": "i1", "label": 1e999}', "label: found Infinity, expected a finite number"),
        (b'{"user_id": "\\ud800", "item_id": "i1"}', "user_id: found '\\ud800', which is not text in Unicode"),
        (b'{"user_id": "u", "item_id": "i1", "time": ' + b"9" * 5000 + b"}", "the body cannot be read as JSON"),
        (b"[" * 100_000, "the body"),
        (b"", "the body is missing, expected JSON"),
    ],
)
def test_a_body_that_is_no_json_is_one_sentence(shared: httpx.Client, content: bytes, sentence: str) -> None:
    answer = shared.post("/events", content=content, headers={"content-type": "application/json"})
    assert sentence in detail(answer, 422)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_a_wrong_content_type_is_named(shared: httpx.Client, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = shared.post("/events", content=json.dumps(GOOD).encode(), headers=headers)
    assert detail(answer, 422) == (
        f"the body was not read as JSON: found the content type {content_type or 'none'}, expected application/json"
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/users/u0/recommendations?k=abc", 422, 'k: found "abc", expected a whole number'),
        ("GET", "/users/u0/recommendations?k=-3", 422, 'k: found "-3", expected greater than or equal to 1'),
        ("GET", "/users/u0/recommendations?k=99999", 422, "k: found 99999, expected 1 to 1000"),
        ("GET", "/users//recommendations", 422, "user_id: found an empty id"),
        ("DELETE", "/users/", 422, "user_id: found an empty id"),
        ("GET", "/items/i3/similar?k=0", 422, 'k: found "0", expected greater than or equal to 1'),
        ("GET", "/nothing", 404, "there is no GET '/nothing'; see /docs"),
        ("GET", "/events", 405, "GET '/events' is not allowed; see the Allow header or /docs"),
        ("OPTIONS", "/recommendations", 405, "OPTIONS '/recommendations' is not allowed"),
        ("PATCH", "/users/u0", 405, "PATCH '/users/u0' is not allowed"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    shared: httpx.Client, method: str, path: str, status: int, sentence: str
) -> None:
    assert sentence in detail(shared.request(method, path), status)


def test_a_body_above_the_limit_is_refused(dataset: Dataset) -> None:
    service = Service(dataset, Near(dataset), Memory(Config()), version="v1", limits=Limits(body_mb=0.0625))
    told = "the body is larger than 0.0625 MB; send it in parts"
    headers = {"content-type": "application/json"}
    with served(service) as client:
        assert detail(client.post("/events", content=b"x" * 70_000, headers=headers), 413) == told
        chunks = (b" " * 1000 for _ in range(70))  # no length announced
        assert detail(client.post("/events", content=chunks, headers=headers), 413) == told
        assert client.post("/events", json=GOOD).status_code == 200


class Full(Memory):
    """A store whose disk is full."""

    def append(self, events: Any) -> list[bool]:
        raise P5Error("events.sqlite3: the event store cannot be used now (disk is full); nothing was changed")


def test_a_store_that_fails_is_503_and_a_sentence(dataset: Dataset) -> None:
    with served(Service(dataset, Near(dataset), Full(Config()), version="v1")) as client:
        assert "disk is full" in detail(client.post("/events", json=GOOD), 503)
        assert items(client.get("/users/u0/recommendations"))


class Broken(Near):
    """Fails on whoever has seen i19."""

    def __call__(self, queries: Any, k: int | None) -> Any:
        if any(self.dataset.items.number("i19") in row for row in queries.history):
            raise RuntimeError("secret detail")
        return super().__call__(queries, k)


def test_our_own_fault_is_a_sentence_without_secrets(dataset: Dataset) -> None:
    service = Service(dataset, Broken(dataset), Memory(Config()), version="v1")
    with served(service) as client:
        answer = client.post("/recommendations", json={"history": ["i19"]})
        assert detail(answer, 500) == "this request met a fault of the service (RuntimeError); its log has the details"
        assert client.post("/recommendations", json={"history": ["i1"]}).status_code == 200


def test_a_full_queue_is_503_with_retry_after(dataset: Dataset) -> None:
    service = Service(dataset, Near(dataset), Memory(Config()), version="v1", limits=Limits(waiting=1, batch=1))
    with served(service) as client, ThreadPoolExecutor(8) as pool:
        with service._turn:  # nothing is answered meanwhile: one request is held, one waits, six are refused
            futures = [pool.submit(client.get, "/users/u0/recommendations") for _ in range(8)]
            while sum(future.done() for future in futures) < 6:
                time.sleep(0.005)
        answers = [future.result() for future in futures]
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [503] * 6
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 503)


def test_clients_that_hang_up_leave_the_service_well(dataset: Dataset) -> None:
    service = Service(dataset, Near(dataset), Memory(Config()), version="v1")
    with served(service) as client:
        place = (client.base_url.host, client.base_url.port or 0)
        with service._turn:  # nothing is answered before they are gone
            for sent in (
                b"GET /users/u0/recommendations HTTP/1.1\r\nhost: x\r\n\r\n",
                b"POST /events HT",
                b"\x16\x03",
            ) * 20:
                with socket.create_connection(place) as hasty:
                    hasty.sendall(sent)
        assert len(items(client.get("/users/u0/recommendations"))) == 10
        assert service.ready()


def test_stopping_keeps_what_was_answered(dataset: Dataset, tmp_path: Path) -> None:
    with served(Service(dataset, Near(dataset), Sqlite(Sqlite.Config(), tmp_path), version="v1")) as client:
        client.post("/events", json=GOOD).raise_for_status()
    store = Sqlite(Sqlite.Config(), tmp_path)
    assert [event.item_id for event in store.read("u", 10)] == ["i1"]
    assert isinstance(store.read("u", 1)[0], Event)
    store.close()


def test_serving_imports_no_training_library() -> None:
    heavy = "lightning|pytorch_lightning|matplotlib|sklearn|transformers|tensorboard|wandb"
    code = "import sys, p5rec.serving.run; print(sorted(m for m in sys.modules if m in sys.argv[1].split('|')))"
    done = subprocess.run([sys.executable, "-c", code, heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
