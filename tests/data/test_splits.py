"""Splits: who is held out, and that nothing leaks."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from data_toys import frames, log, made, names, steps
from hypothesis import given, settings
from hypothesis import strategies as st

from p5rec.core.errors import InputError
from p5rec.data.dataset import Dataset
from p5rec.data.events import Part
from p5rec.data.leaks import leaks
from p5rec.data.ragged import Ragged
from p5rec.data.splits.cold_items import ColdItems
from p5rec.data.splits.cold_users import ColdUsers
from p5rec.data.splits.given import Given
from p5rec.data.splits.global_time import GlobalTime
from p5rec.data.splits.leave_one_out import LeaveOneOut
from p5rec.data.splits.random import Random
from p5rec.data.splits.ratio import Ratio
from p5rec.data.stages import Split

DAY = 86_400
START = 1_000_000_000
SPLITS: list[Split] = [
    LeaveOneOut(LeaveOneOut.Config()),
    Ratio(Ratio.Config()),
    Random(Random.Config()),
    GlobalTime(GlobalTime.Config()),
    GlobalTime(GlobalTime.Config(valid=20, test=20, folds=2, fold=0)),
    ColdItems(ColdItems.Config(valid=0.1, test=0.1)),
    ColdUsers(ColdUsers.Config(valid=0.2, test=0.2)),
]


def random_log(seed: int, users: int = 30, items: int = 40, events: int = 600) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(users * items)[:events]
    rows = [(f"u{pair // items}", f"i{pair % items}", 3.0, int(START + rng.integers(0, 100 * DAY))) for pair in pairs]
    return log(rows)


def rows(dataset: Dataset, part: Part) -> tuple[np.ndarray, np.ndarray]:
    return Ragged(dataset.events["item"], dataset.bounds[:, part], dataset.bounds[:, part + 1]).places()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(SPLITS))
def test_no_split_leaks(seed: int, split: Split) -> None:
    dataset = made(frames(random_log(seed)), split, seed=seed)
    assert leaks(dataset) == []
    assert sum(dataset.facts["parts"].values()) == 600
    assert dataset.facts["parts"]["test"] > 0
    assert dataset.facts["parts"]["valid"] > 0
    assert dataset.facts["parts"]["train"] > 0


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: type(split).__name__)
def test_time_goes_on_within_each_part(split: Split) -> None:
    dataset = made(frames(random_log(3)), split)
    for part in Part:
        user, place = rows(dataset, part)
        steps_ = np.diff(dataset.events["time"][place])
        assert (steps_[np.diff(user) == 0] >= 0).all()


def test_leave_one_out_of_short_users() -> None:
    frame = pl.concat([steps(users=3, length=4), log([("short", "i0", 3.0, START), ("short", "i1", 3.0, START + 1)])])
    dataset = made(frames(frame))
    assert names(dataset, "short", Part.TRAIN) == ["i0", "i1"]
    assert dataset.facts["train_only_users"] == 1
    assert dataset.facts["tested_users"] == 3


def test_leave_one_out_of_the_target_kind() -> None:
    kinds = ["buy", "view", "buy", "view", "buy", "view", "buy", "view"]
    frame = pl.DataFrame({"user_id": ["u"] * 8, "item_id": list("abcdefgh"), "timestamp": range(8), "event": kinds})
    dataset = made(frames(frame))
    parts = {part.name: names(dataset, "u", part) for part in Part}
    assert parts == {"TRAIN": list("abcd"), "GIVEN": [], "VALID": list("ef"), "TEST": ["g"], "UNUSED": ["h"]}
    queries, truth = dataset.held_out("valid")
    assert dataset.items.keys(truth.items[0]) == ["e"]
    assert dataset.items.keys(queries.history[0]) == list("abcd")
    assert dataset.items.keys(dataset.held_out("test")[0].history[0]) == list("abcdef")


def test_ratio_takes_the_last_events() -> None:
    dataset = made(frames(steps(users=2, length=10)), Ratio(Ratio.Config(valid=0.2, test=0.3)))
    order = [f"i{step % 12}" for step in range(10)]
    assert names(dataset, "u0", Part.TRAIN) == order[:5]
    assert names(dataset, "u0", Part.VALID) == order[5:7]
    assert names(dataset, "u0", Part.TEST) == order[7:]


def test_global_time_by_date() -> None:
    frame = log([(f"u{n % 3}", f"i{n}", 3.0, START + n * DAY) for n in range(30)])
    dataset = made(frames(frame), GlobalTime(GlobalTime.Config(valid="2001-09-20", test="2001-10-01 00:00")))
    _, train = rows(dataset, Part.TRAIN)
    _, test = rows(dataset, Part.TEST)
    assert dataset.events["time"][train].max() < 1_000_944_000  # 2001-09-20
    assert dataset.events["time"][test].min() >= 1_001_894_400  # 2001-10-01


def test_global_time_rolls() -> None:
    frame = log([(f"u{n % 3}", f"i{n}", 3.0, START + n * DAY) for n in range(60)])
    windows = []
    for fold in range(3):
        config = GlobalTime.Config(valid=5, test=10, folds=3, fold=fold)
        dataset = made(frames(frame), GlobalTime(config))
        time = (dataset.events["time"][rows(dataset, Part.TEST)[1]] - START) // DAY
        windows.append((int(time.min()), int(time.max())))
        assert leaks(dataset) == []
    assert windows == [(30, 39), (40, 49), (50, 59)]


def test_one_second_is_never_cut() -> None:
    frame = log([(f"u{n % 5}", f"i{n}", 3.0, START + n // 40) for n in range(200)])
    dataset = made(frames(frame), GlobalTime(GlobalTime.Config(valid=0.1, test=0.1)))
    assert leaks(dataset) == []
    assert dataset.facts["parts"]["test"] == 40


def test_random_holds_out_whole_pairs() -> None:
    frame = pl.concat([random_log(1), random_log(1)])
    dataset = made(frames(frame), Random(Random.Config(valid=0.1, test=0.2)))
    assert dataset.facts["parts"]["test"] == 240
    assert leaks(dataset) == []
    other = made(frames(frame), Random(Random.Config(valid=0.1, test=0.2)), seed=1)
    assert other.facts["parts"] == dataset.facts["parts"]


def test_given_column() -> None:
    frame = steps().with_columns(pl.Series("split", ["train", "train", "train", "val", "test"] * 6))
    dataset = made(frames(frame), Given(Given.Config()))
    assert dataset.facts["parts"] == {"train": 18, "given": 0, "valid": 6, "test": 6, "unused": 0}
    assert leaks(dataset) == []


def test_cold_items_are_not_trained_on() -> None:
    dataset = made(frames(random_log(2)), ColdItems(ColdItems.Config(valid=0.1, test=0.2)))
    cold = np.unique(dataset.events["item"][rows(dataset, Part.TEST)[1]])
    assert len(cold) == 8
    assert (dataset.item_counts[cold] == 0).all()


def test_cold_users_have_a_given_history() -> None:
    dataset = made(frames(random_log(2)), ColdUsers(ColdUsers.Config(valid=0.1, test=0.2)))
    queries, truth = dataset.held_out("test")
    assert len(queries) == 6
    assert (queries.users == -1).all()
    assert (queries.history.lengths > 0).all()
    assert (truth.items.lengths == 1).all()
    refitted = dataset.merged()
    assert np.array_equal(refitted.held_out("test")[0].users, queries.users)
    assert len(refitted.training_items) > len(dataset.training_items)


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        (Given(Given.Config()), "given needs an event column with the role split"),
        (Ratio(Ratio.Config(valid=0.5, test=0.5)), r"valid \(0.5\) and test \(0.5\) leave nothing to train on"),
        (Random(Random.Config(valid=0.5, test=0.5)), r"valid \(0.5\) and test \(0.5\) leave nothing to train on"),
        (Ratio(Ratio.Config(least=50)), r"ratio: no user has 50 events \(the most is 5\)"),
        (GlobalTime(GlobalTime.Config(test="soon")), "data.split.test: found 'soon', expected a date"),
        (GlobalTime(GlobalTime.Config(test=4000)), "the train and the valid window has no events"),
        (GlobalTime(GlobalTime.Config(folds=2, fold=2)), r"data.split.fold: found 2, expected less than folds \(2\)"),
        (GlobalTime(GlobalTime.Config(folds=2, test="2020-01-01")), "rolling folds need windows in days or shares"),
        (ColdItems(ColdItems.Config(valid=0.5, test=0.5)), "cold_items: valid .* leave none of 7 items to train on"),
        (ColdUsers(ColdUsers.Config(asked=9)), "cold_users: 0 users have more than 9 target events"),
    ],
)
def test_what_cannot_be_split_is_said(split: Split, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        made(frames(steps()), split)


def test_a_split_by_time_needs_times() -> None:
    with pytest.raises(InputError, match="global_time: the events have no times"):
        made(frames(steps().drop("timestamp")), GlobalTime(GlobalTime.Config()))


def test_a_split_column_without_a_test() -> None:
    frame = steps().with_columns(split=pl.lit("train"))
    with pytest.raises(InputError, match=r"data\.split: the split column has no test rows"):
        made(frames(frame), Given(Given.Config()))
