"""Popularity of all time and of late."""

from dataclasses import replace

import numpy as np

from p5rec.models.popular import DAY, Popular
from p5rec.testing.making import setting
from p5rec.testing.sequences import from_sequences


def counts(dataset, **settings):
    model = Popular(Popular.Config(**settings), setting(dataset))
    model.solve(dataset)
    return {dataset.items.key(n): int(count) for n, count in enumerate(model.counts)}


ROWS = {"u1": ["a", "b", "b", "c", "x", "y"], "u2": ["a", "c", "c", "c", "x", "y"]}


def test_training_events_are_counted():
    assert counts(from_sequences(ROWS)) == {"a": 2, "b": 2, "c": 4, "x": 0, "y": 0}


def test_the_last_days_before_the_last_training_event_are_counted():
    dataset = from_sequences(ROWS)
    days = {"a": 0, "b": 10, "c": 19, "x": 50, "y": 60}
    times = np.array([days[dataset.items.key(item)] * DAY for item in dataset.events["item"]])
    dataset = replace(dataset, events={**dataset.events, "time": times})
    assert counts(dataset, days=5) == {"a": 0, "b": 0, "c": 4, "x": 0, "y": 0}
    assert counts(dataset, days=12) == {"a": 0, "b": 2, "c": 4, "x": 0, "y": 0}


def test_where_times_are_only_an_order_the_last_share_of_each_user_is_counted():
    dataset = from_sequences(ROWS)
    assert counts(dataset, days=30, share=0.5) == {"a": 0, "b": 1, "c": 3, "x": 0, "y": 0}
    unknown = np.full(len(dataset.events["item"]), -1)
    assert counts(replace(dataset, events={**dataset.events, "time": unknown}), days=30, share=0.5)["c"] == 3


def test_only_the_target_kind_is_counted():
    kinds = {"u1": [0, 1, 1, 0, 1, 1], "u2": [0, 0, 1, 1, 1, 1]}
    dataset = from_sequences(ROWS, kinds=kinds, kind_names=("view", "buy"), target=1)
    assert counts(dataset) == {"a": 0, "b": 2, "c": 2, "x": 0, "y": 0}
