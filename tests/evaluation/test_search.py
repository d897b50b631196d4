"""A search as it is told: which trial is best, tables for programs, and a page to look at."""

import csv
import io
from dataclasses import replace

import pytest

from p5rec.evaluation.search import Search, Trial, table
from p5rec.evaluation.search_page import render

KEYS = ["model.p5.train.rate", "model.p5.blocks", "items.fusion"]


def trial(number: int, value: float | None, state: str = "finished", **others: object) -> Trial:
    settings = {"model.p5.train.rate": 10.0 ** -(number + 1), "model.p5.blocks": 1 + number % 2, "items.fusion": "sum"}
    return Trial(number, state, settings, value, **others)  # type: ignore[arg-type]


TRIALS = [
    trial(0, 0.2, curve=(0.1, 0.2)),
    trial(1, None, "failed", reason='a <b> & "c", too'),
    trial(2, 0.3, curve=(0.3, 0.25)),
    trial(3, None, "pruned", curve=(0.05,)),
    trial(4, 0.3),
    trial(5, 0.1),
]
SEARCH = Search("A shop", "p5", "ndcg@10", True, KEYS, 8, TRIALS, {KEYS[0]: 0.75, KEYS[1]: 0.25}, 0, [KEYS[0]])


def test_the_best_is_the_earlier_of_equals_and_less_may_be_better() -> None:
    assert SEARCH.best is TRIALS[2]
    assert SEARCH.running_best() == [(0, 0.2), (2, 0.3), (4, 0.3), (5, 0.3)]
    errors = replace(SEARCH, higher=False)
    assert errors.best is TRIALS[5]
    assert errors.running_best()[-1] == (5, 0.1)
    assert replace(SEARCH, trials=[TRIALS[1]]).best is None


def test_the_table_has_a_column_for_each_setting() -> None:
    rows = list(csv.DictReader(io.StringIO(table(SEARCH))))
    assert [row["ndcg@10"] for row in rows] == ["0.2", "", "0.3", "", "0.3", "0.1"]
    assert [row["model.p5.blocks"] for row in rows] == ["1", "2", "1", "2", "1", "2"]
    assert rows[1]["reason"] == 'a <b> & "c", too'


def test_the_page_tells_the_best_trial_its_gain_and_all_trials() -> None:
    page = render(SEARCH, "[model.p5]\nrate = 1 < 2\n", "out/best.toml")
    assert "Trial 2" in page
    assert "+.1000 over the page" in page
    assert "6 of 8" in page
    assert "75%" in page
    assert "a &lt;b&gt; &amp;" in page
    assert "p5rec run out/best.toml --out DIR" in page
    assert page.count("<figure>") == 2 + len(KEYS)


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([], "No trial has come to a value yet"),
        ([trial(0, None, "failed")], "No trial has come to a value yet"),
        ([trial(0, 0.5)], "These are the page&#39;s own settings; no trial was better"),
        ([trial(1, 0.5)], "The page&#39;s own settings were not among the trials"),
    ],
)
def test_a_search_that_has_just_begun_has_a_page_too(trials: list[Trial], told: str) -> None:
    assert told in render(replace(SEARCH, trials=trials, importance={}), "", "best.toml")
