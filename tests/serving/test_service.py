"""The service without a web: histories, batches, new items, erasing."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving_toys import ITEMS, Near

from p5rec.contracts import Dataset, Event, ItemLists, Model, Queries, Store
from p5rec.core.config import Config
from p5rec.core.errors import InputError, P5Error
from p5rec.data.features import Features
from p5rec.data.schema import ColumnSchema, Kind, Role, Schema
from p5rec.serving.admission import UNTOLD
from p5rec.serving.limits import Limits
from p5rec.serving.questions import Question
from p5rec.serving.service import NotFound, Service
from p5rec.serving.stores.memory import Memory
from p5rec.serving.stores.sqlite import Sqlite
from p5rec.testing.worlds import from_sequences

NOW = 1_700_000_000.0


def event(user: str, item: str, time: float = UNTOLD, event_id: str = "", **others: Any) -> Event:
    return Event(event_id, user, item, time, **others)


def made(dataset: Dataset, store: Store | None = None, **others: Any) -> Service:
    settings = {"version": "v1", "clock": lambda: NOW} | others
    return Service(dataset, Near(dataset), store or Memory(Config()), **settings)


def asked(service: Service) -> Queries:
    """The queries of the latest call of the responder."""
    responder = service._engine.responder
    assert isinstance(responder, Near)
    return responder.calls[-1]


def history(service: Service, row: int = 0) -> list[str]:
    return service._engine.dataset.items.keys(asked(service).history[row])


# ---------------------------------------------------------------- histories


def test_a_history_is_all_of_the_artifact_then_the_live_events(dataset: Dataset) -> None:
    service = made(dataset)
    before = service.recommend("u0")
    assert before.events_seen == 5
    assert history(service) == ITEMS[:5]
    assert service.events([event("u0", "i9"), event("u0", "i7")]).accepted == 2
    after = service.recommend("u0")
    assert after.events_seen == 7
    assert history(service) == [*ITEMS[:5], "i9", "i7"]
    assert after.items[0].item_id == "i7"
    service.close()


def test_an_event_without_an_answer_yet_is_not_needed_twice(dataset: Dataset) -> None:
    service = made(dataset)
    for _ in range(3):
        service.events([event("new", "i3", event_id="once")])
    assert service.recommend("new").events_seen == 1
    service.close()


def test_late_events_are_put_where_their_time_belongs(dataset: Dataset) -> None:
    service = made(dataset)
    service.events([event("u0", "i9", 2.0), event("u0", "i8", 2.5), event("u0", "i7", 0.0)])
    service.recommend("u0")
    assert history(service) == ["i7", "i0", "i1", "i9", "i8", "i2", "i3", "i4"]
    sides = asked(service).side
    assert sides["time"][0].tolist() == [0, 1, 2, 2, 2, 3, 4, 5]
    service.close()


def test_side_columns_of_live_events_are_told(dataset: Dataset) -> None:
    data = replace(dataset, kinds=("view", "buy"), target=1)
    service = made(data)
    service.events([event("u0", "i9", 100, kind="view", label=0.5), event("u0", "i8", 101)])
    service.recommend("u0", time=200.0)
    queries = asked(service)
    assert queries.side["kind"][0].tolist()[-2:] == [0, 1]
    assert queries.side["label"][0].tolist()[-2:] == [0.5, 1.0]
    assert queries.side["time"][0].tolist()[-2:] == [100, 101]
    assert {name: column.tolist() for name, column in queries.context.items()} == {"time": [200], "kind": [1]}
    service.close()


def test_a_missing_label_is_kept_missing_and_read_as_the_usual_one(tmp_path: Path) -> None:
    data = from_sequences({"u": ["a", "b", "c"], "v": ["a", "b"]}, labels={"u": [4, 5, 1], "v": [2, 3]}, held_out=0)
    rated = Schema(events={"stars": ColumnSchema(kind=Kind.NUMBER, role=Role.LABEL)}, label_scale=(1, 5))
    service = made(replace(data, schema=rated), Sqlite(Sqlite.Config(), tmp_path))
    service.events([event("u", "b", label=float("nan")), event("u", "c", label=2.0)])
    service.recommend("u")
    assert asked(service).side["label"][0].tolist() == [4, 5, 1, 3, 2]
    assert [np.isnan(e.label) for e in service.store.read("u", 10)] == [True, False]
    service.close()


def test_columns_keep_the_types_of_the_data(dataset: Dataset) -> None:
    service = made(dataset)
    service.events([event("u0", "i9", 3.7)])
    service.recommend("u0")
    found = {name: rows.values.dtype for name, rows in asked(service).side.items()}
    assert found == {name: values.dtype for name, values in dataset.events.items() if name != "item"}
    service.close()


def test_data_without_times_is_asked_without_a_time(dataset: Dataset) -> None:
    events = dict(dataset.events) | {"time": np.full(len(dataset.events["time"]), -1)}
    service = made(replace(dataset, events=events))
    service.events([event("u0", "i9", 0.0)])
    service.recommend("u0")
    assert history(service)[-1] == "i9"
    assert asked(service).context["time"].tolist() == [-1]
    service.close()


def test_live_events_the_artifact_was_trained_on_do_not_count_twice(dataset: Dataset) -> None:
    store = Memory(Config())
    store.append([event("u0", "i4", 5.0, "trained")])
    service = made(dataset, store, cursor=store.count())
    service.events([event("u0", "i9", event_id="later")])
    assert service.recommend("u0").events_seen == 6
    assert history(service) == [*ITEMS[:5], "i9"]
    service.close()


def test_users_without_a_training_row_are_asked_as_unknown(dataset: Dataset) -> None:
    service = made(dataset)
    service.recommend("u0")
    assert asked(service).users.tolist() == [dataset.users.number("u0")]
    service.events([event("new", "i1")])
    answer = service.recommend("new")
    assert asked(service).users.tolist() == [-1]
    assert answer.note is None
    assert service.recommend("nobody").note == "nothing is known of user 'nobody', so these are for a new user"
    service.close()


def test_events_of_unknown_items_are_kept_and_told(dataset: Dataset) -> None:
    service = made(dataset)
    service.events([event("new", "unheard-of"), event("new", "i1")])
    answer = service.recommend("new")
    assert answer.events_seen == 2
    assert answer.note == "events left out since this version does not know their items: 1"
    assert history(service) == ["i1"]
    service.close()


def test_a_given_history_needs_no_user(dataset: Dataset) -> None:
    service = made(dataset)
    answer = service.recommend(history=("i3", "i5"), k=2)
    assert [item.item_id for item in answer.items] == ["i5", "i3"]
    assert answer.events_seen == 2
    assert asked(service).users.tolist() == [-1]
    service.close()


def test_candidates_and_excluded_items(dataset: Dataset) -> None:
    service = made(dataset)
    answer = service.recommend("u0", k=3, candidates=("i3", "i9", "what"), exclude=("i3", "who"))
    assert [item.item_id for item in answer.items] == ["i9"]
    assert answer.note == (
        "candidates that are not known: 1, the first is 'what'; asked for 3 items, only 1 can be answered"
    )
    assert service.recommend("u0", candidates=()).items == []
    service.close()


def test_reasons_are_given_when_wanted(dataset: Dataset) -> None:
    service = made(dataset)
    assert {item.because for item in service.recommend("u0", reasons=True).items} == {"i4"}
    assert {item.because for item in service.recommend("u0").items} == {None}
    assert {item.because for item in service.recommend("nobody", reasons=True).items} == {None}
    service.close()


def test_served_is_offline(dataset: Dataset) -> None:
    service = made(dataset)
    users = np.arange(dataset.n_users)
    offline = Near(dataset)(dataset.latest(users), 10)
    for row, user in enumerate(dataset.users.keys(users)):
        served = service.recommend(user)
        assert [item.item_id for item in served.items] == dataset.items.keys(offline.items[row])
        assert np.allclose([item.score for item in served.items], offline.scores[row], atol=1e-4)
    service.close()


def test_live_events_answer_as_if_they_had_been_in_the_data() -> None:
    rows = {f"u{n}": [ITEMS[(n * 3 + step * step) % 20] for step in range(8)] for n in range(6)}
    short = {user: row[:5] for user, row in rows.items()}
    items = ITEMS
    whole, cut = from_sequences(rows, items=items, held_out=0), from_sequences(short, items=items, held_out=0)
    early, late = made(whole), made(cut)
    late.events([event(user, item, 6.0 + place) for user, row in rows.items() for place, item in enumerate(row[5:])])
    for user in rows:
        assert early.recommend(user) == late.recommend(user)
    for service in (early, late):
        service.close()


# ---------------------------------------------------------------- many at once


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


# ---------------------------------------------------------------- what is let in


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (event("", "i1"), "user_id: found an empty id, expected a string of 1 to 16384 characters"),
        (event("u", "x" * 20_000), "item_id: found an id of 20000 characters, expected at most 16384"),
        (event("u", "i1", event_id="\ud800"), "event_id: found '\\ud800', which is not text in Unicode"),
        (event("u", "i1", kind="sell"), "kind: found 'sell', known are: event"),
        (event("u", "i1", label=1e38), "label: found 1e+38, expected a finite number"),
        (event("u", "i1", label=9.0), "label: found 9, expected 1 to 5"),
        (event("u", "i1", -5.0), "time: found -5, expected seconds since 1970"),
        (event("u", "i1", float("inf")), "time: found inf, expected seconds since 1970"),
        (event("u", "i1", NOW * 1000), "expected seconds since 1970; this looks like milliseconds"),
        (event("u", "i1", NOW + 1e6), "which lies ahead of this clock (1700000000)"),
    ],
)
def test_wrong_events_are_refused_in_words(dataset: Dataset, wrong: Event, sentence: str) -> None:
    scaled = Schema(events={"u": ColumnSchema(kind=Kind.ID)}, label_scale=(1.0, 5.0))
    service = made(replace(dataset, schema=scaled))
    with pytest.raises(InputError) as found:
        service.events([event("u", "i1"), wrong])
    assert sentence in str(found.value)
    assert str(found.value).startswith("[1].")
    assert service.store.count() == 0
    service.close()


def test_all_faults_of_a_post_are_told_together(dataset: Dataset) -> None:
    service = made(dataset, limits=Limits(events=3))
    with pytest.raises(InputError) as found:
        service.events([event("", ""), event("u", "i", label=float("inf")), *[event("u", "i")] * 3])
    assert [fault.split(":")[0] for fault in found.value.faults] == [
        "found 5 events, at most 3 at once",
        "[0].user_id",
        "[0].item_id",
        "[1].label",
    ]
    service.close()


def test_a_clock_that_is_a_little_fast_means_now(dataset: Dataset) -> None:
    service = made(dataset)
    service.events([event("u", "i1", NOW + 60), event("u", "i2")])
    assert [(e.item_id, e.time) for e in service.store.read("u", 10)] == [("i1", NOW), ("i2", NOW)]
    service.close()


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (Question("u", k=0), "k: found 0, expected 1 to 1000"),
        (Question("u", k=1001), "k: found 1001, expected 1 to 1000"),
        (Question(), "expected either user_id or history"),
        (Question("u", history=("i1",)), "expected either user_id or history"),
        (Question(""), "user_id: found an empty id"),
        (Question(history=("i1",) * 10_001), "history: found 10001 ids, expected at most 10000"),
        (Question("u", candidates=("\ud800",)), "candidates: found an id which is not text in Unicode"),
    ],
)
def test_wrong_questions_are_refused_in_words(service: Service, question: Question, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        service.ask(question)


# ---------------------------------------------------------------- items and users that come and go


def grower(dataset: Dataset) -> Any:
    """What the commands hand over: grows step by step."""
    state = {"dataset": dataset}

    def add_items(rows: Sequence[Mapping[str, Any]]) -> tuple[Dataset, Near]:
        if any(row.get("title") == 5 for row in rows):
            raise InputError("items: title: found 5, expected text")
        old = state["dataset"]
        items = old.items.grown([row["item_id"] for row in rows])
        state["dataset"] = replace(old, items=items, item_features=Features(len(items)))
        return state["dataset"], Near(state["dataset"])

    return add_items


def test_a_new_item_is_recommendable_at_once_and_after_a_restart(dataset: Dataset, tmp_path: Path) -> None:
    service = made(dataset, Sqlite(Sqlite.Config(), tmp_path), add_items=grower(dataset))
    service.events([event("u0", "fresh")])
    assert service.recommend("u0").note is not None
    added = service.add_items([{"item_id": "fresh", "title": "Fresh"}, {"item_id": "i1"}])
    assert (added.added, added.known) == (1, 1)
    answer = service.recommend("u0")
    assert answer.items[0].item_id == "fresh"
    assert answer.note is None
    assert service.add_items([{"item_id": "fresh"}]).known == 1
    assert service.similar("fresh").items
    service.close()
    again = made(dataset, Sqlite(Sqlite.Config(), tmp_path), add_items=grower(dataset))
    assert again.recommend("u0") == answer
    again.close()


def test_items_that_do_not_fit_change_nothing(dataset: Dataset) -> None:
    service = made(dataset, add_items=grower(dataset))
    with pytest.raises(InputError, match="title: found 5, expected text"):
        service.add_items([{"item_id": "good"}, {"item_id": "bad", "title": 5}])
    assert service.store.items() == []
    with pytest.raises(InputError, match=r"\[1\]\.item_id: found an empty id"):
        service.add_items([{"item_id": "good"}, {"item_id": ""}])
    with pytest.raises(InputError, match=r"\[0\]: found text that is not Unicode"):
        service.add_items([{"item_id": "good", "title": "\udc00"}])
    with pytest.raises(NotFound):
        service.similar("good")
    service.close()


def test_kept_items_that_fit_no_longer_are_left_out(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    store = Memory(Config())
    store.put_items([{"item_id": "bad", "title": 5}])
    service = made(dataset, store, add_items=grower(dataset))
    assert "1 items posted earlier do not fit this artifact and are left out: items: title: found 5" in " ".join(
        capsys.readouterr().err.split()
    )
    assert service.recommend("u0").items
    service.close()


def test_models_that_cannot_grow_are_named(dataset: Dataset) -> None:
    class Stiff(Model):
        def encode(self, stream: Any) -> Any: ...

        def score(self, state: Any, items: Any = None) -> Any: ...

    service = made(dataset, add_items=grower(dataset), models={"stiff": Stiff()})
    assert service.add_items([{"item_id": "fresh"}]).note == "not ranked until trained again by: stiff"
    service.close()


def test_without_a_way_to_grow_new_items_are_refused(service: Service) -> None:
    with pytest.raises(InputError, match="this service cannot take new items"):
        service.add_items([{"item_id": "fresh"}])


def test_an_erased_user_is_a_stranger(dataset: Dataset) -> None:
    service = made(dataset)
    service.events([event("u0", "i9")])
    assert service.erase("u0").erased == 1
    answer = service.recommend("u0")
    assert answer.events_seen == 0
    assert answer.note is not None
    assert asked(service).users.tolist() == [-1]
    service.events([event("u0", "i9")])
    assert service.recommend("u0").events_seen == 1
    service.close()


def test_similar_items(service: Service) -> None:
    answer = service.similar("i3", 4)
    assert len(answer.items) == 4
    assert "i3" not in [item.item_id for item in answer.items]
    with pytest.raises(NotFound, match="there is no item 'nope'; post it to /items with its content first"):
        service.similar("nope")
    assert service.similar("i3", 30).note == "asked for 30 items, only 19 can be answered"


def test_ready_after_the_first_answers(dataset: Dataset) -> None:
    service = made(dataset)
    assert not service.ready()
    service.warm()
    assert service.ready()
    service.close()
    assert not service.ready()
    with pytest.raises(P5Error, match="the service is stopping"):
        service.recommend("u0")


def test_a_busy_service_says_so(dataset: Dataset) -> None:
    service = made(dataset, limits=Limits(waiting=1, batch=1))
    held = threading.Event()
    with service._turn:
        futures = [service.ask(Question("u0"))]
        while service._asked._queue.qsize():
            held.wait(0.001)
        futures.append(service.ask(Question("u1")))
        with pytest.raises(P5Error, match="1 requests are waiting already; send this one again later"):
            service.ask(Question("u2"))
    assert all(future.result(10).items for future in futures)
    service.close()
