"""Filters keep what they say, and every drop is counted with its reason."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from data_toys import frames, log, made, steps
from hypothesis import given, settings
from hypothesis import strategies as st

from p5rec.core.errors import InputError
from p5rec.data.events import Events
from p5rec.data.filters.bad_rows import BadRows
from p5rec.data.filters.duplicates import Duplicates
from p5rec.data.filters.k_core import KCore
from p5rec.data.filters.min_label import MinLabel
from p5rec.data.filters.time_window import TimeWindow
from p5rec.data.splits.random import Random
from p5rec.data.stages import Filter


def events(pairs: list[tuple[int, int]], **columns: list[float]) -> Events:
    user, item = np.array(pairs).T if pairs else (np.empty(0, int), np.empty(0, int))
    count = len(pairs)
    return Events(
        user=user,
        item=item,
        time=np.array(columns.get("time", range(count)), dtype=np.int64),
        label=np.array(columns.get("label", [1.0] * count), dtype=np.float32),
        kind=np.array(columns.get("kind", [0] * count), dtype=np.uint8),
        target=0,
        users=10,
        items=10,
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=80), st.integers(1, 4))
def test_k_core_is_the_largest_core(pairs: list[tuple[int, int]], k: int) -> None:
    rows = events(sorted(pairs))
    left = rows.rows(KCore(KCore.Config(k_user=k, k_item=k)).keep(rows))
    assert all(count >= k for count in np.unique(left.user, return_counts=True)[1])
    assert all(count >= k for count in np.unique(left.item, return_counts=True)[1])
    slow = sorted(pairs)
    while True:  # the definition, one removal at a time
        bad = [p for p in slow if sum(q[0] == p[0] for q in slow) < k or sum(q[1] == p[1] for q in slow) < k]
        if not bad:
            break
        slow.remove(bad[0])
    assert len(slow) == len(left)


@pytest.mark.parametrize(("stays", "left"), [("last", [1, 3, 4]), ("first", [0, 2, 3])])
def test_duplicates(stays: str, left: list[int]) -> None:
    rows = events([(0, 5), (0, 5), (1, 5), (1, 6), (1, 5)])
    keep = Duplicates(Duplicates.Config(stays=stays)).keep(rows)
    assert np.flatnonzero(keep).tolist() == left


def test_only_the_same_moment_again() -> None:
    rows = events([(0, 1)] * 4, time=[5, 5, 9, -1])
    keep = Duplicates(Duplicates.Config(same_time=True)).keep(rows)
    assert keep.sum() == 3
    assert keep[2:].all()


def test_duplicates_of_other_kinds() -> None:
    rows = events([(0, 5), (0, 5), (0, 5)], kind=[0, 1, 0])
    assert Duplicates(Duplicates.Config()).keep(rows).tolist() == [False, True, True]
    assert Duplicates(Duplicates.Config(each_kind=False)).keep(rows).tolist() == [False, False, True]


def test_min_label() -> None:
    rows = events([(0, 1), (0, 2), (0, 3)], label=[3.5, 4.0, float("nan")])
    assert MinLabel(MinLabel.Config()).keep(rows).tolist() == [False, True, False]


def test_time_window() -> None:
    rows = events([(0, 1), (0, 2), (0, 3)], time=[1_388_534_399, 1_388_534_400, 1_420_070_400])
    assert TimeWindow(TimeWindow.Config(since="2014-01-01")).keep(rows).tolist() == [False, True, True]
    assert TimeWindow(TimeWindow.Config(before="2015-01-01")).keep(rows).tolist() == [True, True, False]
    assert TimeWindow(TimeWindow.Config(last_days=365)).keep(rows).tolist() == [False, False, True]
    with pytest.raises(InputError, match=r"time_window\.since: found 'once', expected a date"):
        TimeWindow(TimeWindow.Config(since="once")).keep(rows)
    with pytest.raises(InputError, match="time_window: the events have no times"):
        TimeWindow(TimeWindow.Config(since="2014-01-01")).keep(events([(0, 1)], time=[-1]))


def test_bad_rows() -> None:
    rows = events([(0, n) for n in range(5)], time=[5, -1, -700, 10**11, 7], label=[1, 1, 1, 1, float("inf")])
    assert BadRows(BadRows.Config()).keep(rows).tolist() == [True, False, False, False, False]
    assert BadRows(BadRows.Config(newest="5")).keep(rows).tolist() == [True, False, False, False, False]
    timeless = events([(0, 1)], time=[-1])
    assert BadRows(BadRows.Config()).keep(timeless).tolist() == [True]


def test_nothing_is_dropped_silently() -> None:
    frame = pl.concat([steps(), steps(), log([("one", "i1", 2.0, 1_000_000_000)])])
    chain: list[Filter] = [
        Duplicates(Duplicates.Config()),
        MinLabel(MinLabel.Config(lowest=3)),
        KCore(KCore.Config(k_user=2, k_item=1)),
    ]
    facts = made(frames(frame), Random(Random.Config()), filters=chain).facts
    assert [one["stage"] for one in facts["dropped"]] == ["duplicates", "min_label", "k_core"]
    assert facts["dropped"][0]["rows"] == 30
    assert sum(one["rows"] for one in facts["dropped"]) + facts["events"] == 61
    assert facts["filters"][1] == {"name": "min_label", "lowest": 3.0}
    assert all(one["reason"] for one in facts["dropped"])
