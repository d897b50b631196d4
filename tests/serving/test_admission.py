"""What the service lets in, and what it says of the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from serving_toys import NOW, event, made

from p5rec.contracts import Dataset, Event
from p5rec.core.errors import InputError
from p5rec.data.schema import ColumnSchema, Kind, Schema
from p5rec.serving.limits import Limits
from p5rec.serving.questions import Question
from p5rec.serving.service import Service


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
