"""Many at once: shared calls, shared transactions, and nobody hurt by another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from serving_toys import ITEMS, NOW, Near, event, made

from p5rec.contracts import Dataset, ItemLists, Queries
from p5rec.core.config import Config
from p5rec.serving.questions import Question
from p5rec.serving.service import Service
from p5rec.serving.stores.memory import Memory
from p5rec.serving.stores.sqlite import Sqlite


def test_requests_at_once_share_calls_and_get_their_own_answers(dataset: Dataset) -> None:
    service = made(dataset)
    alone = {f"u{n}": service.recommend(f"u{n}") for n in range(10)}
    calls = len(service._engine.responder.calls)  # type: ignore[attr-defined]
    with service._turn:  # while the models are held, requests gather
        futures = [(f"u{n % 10}", service.ask(Question(f"u{n % 10}", time=NOW))) for n in range(50)]
    assert all(future.result(10) == alone[user] for user, future in futures)
    assert len(service._engine.responder.calls) - calls <= 2  # type: ignore[attr-defined]
    service.close()


def test_unlike_requests_in_one_batch(dataset: Dataset) -> None:
    service = made(dataset)
    questions = [
        Question("u1", k=3, time=NOW),
        Question("u2", k=5, time=NOW),
        Question("u3", k=3, candidates=("i1", "i2"), time=NOW),
        Question(history=("i7",), k=3, exclude=("i7",), time=NOW),
        Question("u4", k=3, candidates=(), time=NOW),
    ]
    alone = [service.ask(question).result(10) for question in questions]
    with service._turn:
        futures = [service.ask(question) for question in questions]
    assert [future.result(10) for future in futures] == alone
    service.close()


class Touchy(Near):
    """Fails on histories that end with i13."""

    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        if any(len(row) and row[-1] == self.dataset.items.number("i13") for row in queries.history):
            raise RuntimeError("i13")
        return super().__call__(queries, k)


def test_one_question_that_fails_leaves_the_others_alone(dataset: Dataset) -> None:
    service = Service(dataset, Touchy(dataset), Memory(Config()), version="v1")
    with service._turn:
        good, bad = service.ask(Question("u0")), service.ask(Question(history=("i13",)))
    assert len(good.result(10).items) == 10
    with pytest.raises(RuntimeError, match="i13"):
        bad.result(10)
    service.close()


def test_thirty_two_threads_see_their_own_events(dataset: Dataset, tmp_path: Path) -> None:
    service = made(dataset, Sqlite(Sqlite.Config(), tmp_path))

    def client(number: int) -> list[int]:
        seen = []
        for n in range(5):
            service.events([event(f"thread{number}", ITEMS[n], float(n), f"{number}-{n}")])
            seen.append(service.recommend(f"thread{number}").events_seen)
        return seen

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(client, range(32))) == [[1, 2, 3, 4, 5]] * 32
    assert service.store.count() == 160
    service.close()


def test_posts_at_once_are_counted_each(dataset: Dataset) -> None:
    service = made(dataset)
    posts = [[event("a", "i1", event_id="x"), event("a", "i2")], [event("b", "i1", event_id="x")], [event("c", "i1")]]
    answers = service._append([[replace(e, event_id=e.event_id or f"{n}") for n, e in enumerate(p)] for p in posts[:2]])
    assert [(a.accepted, a.duplicates) for a in answers] == [(2, 0), (0, 1)]
    service.close()
