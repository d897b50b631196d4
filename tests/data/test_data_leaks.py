"""The checker finds each kind of leak and names it."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from data_toys import frames, log, made, steps

from p5rec.data.events import Part
from p5rec.data.leaks import leaks
from p5rec.data.splits.given import Given

START = 1_000_000_000


def test_held_out_pairs_that_train() -> None:
    frame = steps().with_columns(split=pl.Series(["train", "train", "train", "val", "test"] * 6))
    again = pl.concat([frame, log([("u0", "i4", 3.0, START)]).with_columns(split=pl.lit("train"))])
    assert leaks(made(frames(again), Given(Given.Config()))) == [
        "1 of 6 test pairs are training rows too, e.g. user 'u0' and item 'i4'; drop duplicates, or the answer is known"
    ]


def test_training_after_the_test() -> None:
    frame = steps().with_columns(split=pl.Series(["val", "test", "train", "train", "train"] * 6))
    found = leaks(made(frames(frame), Given(Given.Config())))
    assert len(found) == 2
    assert found[1].startswith("6 users, e.g. 'u")
    assert "are later than the test events asked for" in found[1]


def test_cold_rows_that_train() -> None:
    dataset = made(frames(steps()))
    items = leaks(replace(dataset, facts={**dataset.facts, "split": {"name": "cold_items"}}))
    assert any("cold items occur in training rows" in sentence for sentence in items)
    users = leaks(replace(dataset, facts={**dataset.facts, "split": {"name": "cold_users"}}))
    assert any("cold users have training rows" in sentence for sentence in users)


def test_training_of_others_after_the_window() -> None:
    dataset = made(frames(steps()))
    found = leaks(replace(dataset, facts={**dataset.facts, "split": {"name": "global_time"}}))
    assert found == ["15 training events are not before the held-out window; the future is known"]


def test_habits_are_no_leak() -> None:
    rows = [(f"u{user}", "tea", 1.0, START + step) for user in range(3) for step in range(5)]
    assert leaks(made(frames(log(rows)))) == []
    assert Part.TEST > Part.VALID


def test_repeats_beyond_habit_are_told_though_time_goes_on() -> None:
    """Nobody repeats in training and everybody in the test: the test is not of the same life."""
    few, many = (
        log(
            [
                (f"u{u}", f"i{(u + step) % 9 if step < 4 else u % 9}", 1.0, START + step)
                for u in range(n)
                for step in range(5)
            ]
        )
        for n in (5, 50)
    )
    assert leaks(made(frames(few))) == []
    assert leaks(made(frames(many)))[0].startswith("50 of 50 test pairs are training rows too")
