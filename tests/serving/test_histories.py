"""Histories: the artifact, then live events; candidates, reasons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from serving_toys import ITEMS, Near, asked, event, made

from p5rec.contracts import Dataset
from p5rec.core.config import Config
from p5rec.data.schema import ColumnSchema, Kind, Role, Schema
from p5rec.serving.service import Service
from p5rec.serving.stores.memory import Memory
from p5rec.serving.stores.sqlite import Sqlite
from p5rec.testing.worlds import from_sequences


def history(service: Service, row: int = 0) -> list[str]:
    return service._engine.dataset.items.keys(asked(service).history[row])


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
