"""Items and users that come and go."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving_toys import Near, asked, event, made

from p5rec.contracts import Dataset, Model
from p5rec.core.config import Config
from p5rec.core.errors import InputError, P5Error
from p5rec.data.features import Column, Features, Kind
from p5rec.data.schema import ColumnSchema
from p5rec.serving.limits import Limits
from p5rec.serving.questions import Question
from p5rec.serving.service import NotFound, Service
from p5rec.serving.stores.memory import Memory
from p5rec.serving.stores.sqlite import Sqlite
from p5rec.testing.making import setting
from p5rec.testing.worlds import category


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


def test_answers_go_on_while_items_join(dataset: Dataset) -> None:
    grow, begun, go_on = grower(dataset), threading.Event(), threading.Event()

    def slow(rows: Sequence[Mapping[str, Any]]) -> tuple[Dataset, Near]:
        begun.set()
        assert go_on.wait(10)
        return grow(rows)

    service = made(dataset, add_items=slow)
    joining = threading.Thread(target=service.add_items, args=([{"item_id": "fresh"}],))
    joining.start()
    assert begun.wait(10)
    assert len(service.recommend("u0", k=30).items) == 20
    go_on.set()
    joining.join(10)
    assert len(service.recommend("u0", k=30).items) == 21
    service.close()


def test_all_faults_of_new_items_are_told_together(dataset: Dataset) -> None:
    service = made(dataset, add_items=grower(dataset), limits=Limits(joined=2, items=3))
    rows = [{"item_id": ""}, {"item_id": "a", "titel": "x"}, {"item_id": "b", "title": ["x"]}, {"item_id": "c"}]
    with pytest.raises(InputError) as caught:
        service.add_items(rows)
    assert caught.value.faults == (
        "found 4 items, at most 3 at once",
        "[0].item_id: found an empty id, expected a string of 1 to 16384 characters",
        "item row 1: there is no item column 'titel'; did you mean 'title'?",
        "item row 2, column 'title': found ['x'], expected one value",
    )
    service.add_items([{"item_id": "a", "title": "first"}, {"item_id": "a", "title": "second"}])
    assert service.store.items() == [{"item_id": "a", "title": "first"}]
    assert service.add_items([{"item_id": "i1", "titel": "known already"}]).known == 1
    with pytest.raises(InputError, match="found 2 new items where 1 have joined since training, at most 2 may"):
        service.add_items([{"item_id": "b"}, {"item_id": "c"}])
    service.close()


@pytest.mark.parametrize("path", ["/etc/passwd", "../up.png", "C:\\\\a.png", "a/../../b.png"])
def test_a_client_names_no_file_of_this_machine_but_those_in_the_folder(dataset: Dataset, path: str) -> None:
    columns = {"item_id": ColumnSchema(kind=Kind.ID), "picture": ColumnSchema(kind=Kind.IMAGE)}
    known = replace(
        dataset,
        schema=dataset.schema.model_copy(update={"items": columns}),
        item_features=Features(20, {"picture": Column(Kind.IMAGE, np.full(20, None, dtype=object))}),
    )
    service = made(known, add_items=lambda rows: (known, Near(known)))
    with pytest.raises(
        InputError, match=r"\[0\]\.picture: found .*, expected a data: address, a web address whose file"
    ):
        service.add_items([{"item_id": "fresh", "picture": path}])
    for fine in ("data:image/png;base64,eA==", "https://shop.example/a.png", "pics/a.png", None):
        service.add_items([{"item_id": "fresh", "picture": fine}])
    service.close()


def test_kept_items_that_fit_stay_where_others_do_not(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    store = Memory(Config())
    store.put_items([{"item_id": "good"}, {"item_id": "bad", "weight": 5}])
    service = made(dataset, store, add_items=grower(dataset))
    assert service.similar("good").items
    told = " ".join(capsys.readouterr().err.split())
    assert "1 items posted earlier do not fit this artifact and are left out: item row 1: there is no item" in told
    service.close()


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

    known = replace(dataset, item_features=Features(20, {"genre": category(dataset.items, {"i1": "drama"})}))
    stiff = Stiff()
    stiff.items = setting(known, ("id", "category")).item_tower(4)  # knows twenty items, and will know no more
    grown = replace(known, items=known.items.grown(["fresh"]))
    service = made(known, add_items=lambda rows: (grown, Near(grown)), models=lambda: {"stiff": stiff})
    assert service.add_items([{"item_id": "fresh"}]).note == "not ranked until trained again by: stiff"
    service.close()


def test_data_without_item_columns_knows_nothing_of_new_items(dataset: Dataset) -> None:
    service = made(dataset, add_items=grower(dataset))
    assert service.add_items([{"item_id": "fresh"}]).note == (
        "the data has no item columns, so nothing is known of new items until trained again"
    )
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
