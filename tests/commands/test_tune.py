"""A search whose best setting is known; its page, its memory, and all that may be wrong with its section."""

import csv
import json
import math
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_toys import shop_page, write_shop

import p5rec
from p5rec.commands import space, tune
from p5rec.commands.folders import FOLDERS
from p5rec.commands.page import read, resolve
from p5rec.commands.study import Study
from p5rec.core.errors import InputError, P5Error
from p5rec.data.dataset import Dataset

DIAL = '''
import torch
from pydantic import Field
from p5rec.contracts import Grows, Model, Solved
from p5rec.core.config import Config as Settings
from p5rec.core.errors import P5Error


class Dial(Solved):
    """The next item lies `ahead` places further; wrong settings rank it the lower the further they are off."""

    class Config(Settings):
        ahead: int = Field(1, ge=0, le=12, description="places")
        tilt: float = Field(0.0, description="changes next to nothing; 7 breaks it")

    claims = ("markov",)

    def __init__(self, config, setting):
        super().__init__()
        self.config, self.count = config, setting.items.count
        self.register_buffer("places", torch.zeros(self.count))

    def solve(self, dataset):
        if self.config.tilt > 6.9:
            raise P5Error("the dial is broken")
        self.places = torch.tensor([float(key[1:]) for key in dataset.items.all().to_pylist()])

    def encode(self, stream):
        last = stream.values.gather(1, (stream.asks - 1).clamp(min=0))
        return self.places[last.clamp(min=0)]

    def score(self, state, items=None):
        off = (self.places - state.unsqueeze(-1) - self.config.ahead) % self.count
        scores = -torch.minimum(off, self.count - off) + 1e-3 * self.config.tilt
        return scores if items is None else scores.gather(2, items.expand(*scores.shape[:2], -1))
'''
BEST = 7  # places ahead, in the data below


@pytest.fixture(autouse=True)
def unguessed(monkeypatch: Any) -> None:
    """How long training takes is not guessed in each trial, which takes longer than the training here."""
    monkeypatch.setattr("p5rec.commands.train.estimate.training", lambda *args: [])


@pytest.fixture
def dial(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A page whose best setting is known: the next of 26 items always lies seven places further."""
    (tmp_path / "plugs" / "model").mkdir(parents=True)
    (tmp_path / "plugs" / "model" / "dial.py").write_text(DIAL)
    lines = [f"u{n} " + " ".join(f"i{(n + BEST * step) % 26}" for step in range(6)) for n in range(26)]
    (tmp_path / "events.txt").write_text("\n".join(lines) + "\n")
    own = {kind: list(folder.own) for kind, folder in FOLDERS.items()}
    yield {
        "plugs": str(tmp_path / "plugs"),
        "data": {"path": str(tmp_path / "events.txt"), "source": "sequences"},
        "model": {"dial": {}},
        "evaluate": {"baselines": False, "bootstrap": 100},
        "tune": {"trials": 5, "startup": 2, "model.dial.ahead": {"low": 4, "high": 8}},
    }
    for kind, folder in FOLDERS.items():
        folder.own[:] = own[kind]


def settings_of(found: Any) -> list[dict[str, Any]]:
    return [dict(trial.settings) for trial in found.trials if trial.state != "cut off"]


def test_the_known_best_setting_is_found_and_no_test_row_is_looked_at(dial: dict, tmp_path: Path, monkeypatch: Any):
    held_out, asked = Dataset.held_out, []
    monkeypatch.setattr(Dataset, "held_out", lambda self, part: (asked.append(part), held_out(self, part))[1])
    dial["model"]["dial"]["ahead"] = 5
    found = p5rec.tune(dial, tmp_path / "out")
    assert found.best.settings == {"model.dial.ahead": BEST}
    assert found.best.value == 1.0
    assert settings_of(found)[0] == {"model.dial.ahead": 5}  # the page's own
    assert found.start == 0
    assert set(asked) == {"valid"}


def test_the_best_page_runs_as_it_is(dial: dict, tmp_path: Path):
    p5rec.tune({**dial, "tune": {"trials": 1, "model.dial.ahead": {"low": 6, "high": 7}}}, tmp_path / "out")
    text = (tmp_path / "out" / "best.toml").read_text()
    assert f"p5rec run {tmp_path / 'out' / 'best.toml'}" in text
    page = read(str(tmp_path / "out" / "best.toml"))
    assert page.models["dial"].model.config.ahead in (6, 7)
    assert not page.run.tune
    recommender = p5rec.run(str(tmp_path / "out" / "best.toml"), tmp_path / "run")
    ahead = page.models["dial"].model.config.ahead
    assert recommender.recommend(histories=[["i0"]], k=1)["item_id"].to_list() == [f"i{ahead}"]


def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(dial: dict, tmp_path: Path, monkeypatch: Any):
    whole = p5rec.tune(dial, tmp_path / "whole")
    run, calls = tune.stages.run, []

    def killed(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return run(*args)

    monkeypatch.setattr(tune.stages, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        p5rec.tune(dial, tmp_path / "cut")
    resumed = p5rec.tune(dial, tmp_path / "cut")
    assert resumed.count("cut off") == 1
    assert settings_of(resumed) == settings_of(whole)
    before = len(calls)
    assert p5rec.tune(dial, tmp_path / "cut").best.settings == whole.best.settings
    assert len(calls) == before  # it is done; nothing is trained again
    more = p5rec.tune({**dial, "tune": {**dial["tune"], "trials": 99}}, tmp_path / "cut")
    assert more.count("finished") >= 5  # there is nothing left to try: it stops by itself
    assert len({one.settings["model.dial.ahead"] for one in more.trials}) == 5


def test_settings_that_kill_the_search_twice_are_left_out(dial: dict, tmp_path: Path, monkeypatch: Any, capsys: Any):
    run, dial["model"]["dial"]["ahead"] = tune.stages.run, 5

    def deadly(page: Any, *rest: Any) -> Any:
        if page.models["dial"].model.config.ahead == 5:
            raise KeyboardInterrupt
        return run(page, *rest)

    monkeypatch.setattr(tune.stages, "run", deadly)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            p5rec.tune(dial, tmp_path / "out")
    found = p5rec.tune(dial, tmp_path / "out")
    told = "the search was killed twice with these settings (perhaps they need more memory than there is); left out"
    assert f"trial 1 failed: {told}" in capsys.readouterr().err
    assert [(one.state, one.reason) for one in found.trials if one.settings["model.dial.ahead"] == 5] == [
        ("cut off", "the search was killed in it"),
        ("failed", told),
    ]
    assert found.best.settings == {"model.dial.ahead": BEST}


def test_nothing_in_the_study_is_pickled_and_numbers_are_for_programs(dial: dict, tmp_path: Path):
    dial["tune"] |= {"trials": 5, "model.dial.tilt": {"choices": [0.0, 1.0, 2.0]}}
    found = p5rec.tune(dial, tmp_path / "out")
    with sqlite3.connect(tmp_path / "out" / "study.db") as study:
        assert b"\x80\x04" not in "\n".join(study.iterdump()).encode()
    rows = list(csv.DictReader((tmp_path / "out" / "trials.csv").open()))
    told = json.loads((tmp_path / "out" / "trials.json").read_text())
    assert [float(row["ndcg@10"]) for row in rows] == pytest.approx([one["value"] for one in told["trials"]], rel=1e-5)
    assert told["best"] == found.best.number
    assert sum(found.importance.values()) == pytest.approx(1.0)
    page = (tmp_path / "out" / "tune.html").read_text()
    assert "model.dial.ahead" in page
    assert "test rows not looked at" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_settings_of_a_bowl_are_found_and_the_one_that_matters_is_told(shop: dict, tmp_path: Path):
    section = {"of": "sasrec", "startup": 6, "model.sasrec.dropout": {"low": 0.0, "high": 0.9}}
    page = resolve(shop_page(shop, tune={**section, "model.sasrec.train.decay": {"low": 0.0, "high": 1.0}}))
    study = Study(tmp_path, space.read(page), True, 0, "a bowl")
    for _ in range(24):
        _, settings = study.ask()
        study.finish(-((settings["model.sasrec.dropout"] - 0.3) ** 2), 0.0)
    best = max(study.trials(), key=lambda one: one.value)
    assert abs(best.settings["model.sasrec.dropout"] - 0.3) < 0.05
    assert study.importance()["model.sasrec.dropout"] > 0.8


def test_curves_below_the_median_end_a_trial(shop: dict, tmp_path: Path):
    section = {"of": "sasrec", "startup": 2, "warmup": 1, "model.sasrec.dropout": {"low": 0.0, "high": 0.9}}
    study = Study(tmp_path, space.read(resolve(shop_page(shop, tune=section))), True, 0, "curves")
    for height in (0.2, 0.3):
        study.ask()
        study.curve([height, height])
        study.finish(height, 0.0)
    study.ask()
    study.curve([0.1])  # warming up
    with pytest.raises(space.Pruned, match="below the median of the others after 2 validations"):
        study.curve([0.1, 0.1])
    study.prune("low", 0.0)
    study.ask()
    study.curve([0.4, 0.4])
    assert [one.curve for one in study.trials()][:3] == [(0.2, 0.2), (0.3, 0.3), (0.1, 0.1)]


@pytest.mark.parametrize(
    ("table", "size", "inside", "outside"),
    [
        ({"low": 0.2, "high": 0.6, "step": 0.1}, 5, [0.2, 0.3, 0.6], [0.25, 0.7, "0.3"]),
        ({"low": 0.0, "high": 0.25, "step": 0.1}, 3, [0.0, 0.2], [0.25]),
        ({"low": 10, "high": 70, "step": 30}, 3, [10, 40.0, 70], [25, 100]),
        ({"low": 1, "high": 3}, 3, [2], [2.5, True]),
        ({"low": 0.0, "high": 1.0}, math.inf, [0.123], [-0.1]),
        ({"choices": ["a", 2]}, 2, ["a", 2], ["b"]),
    ],
)
def test_a_range_knows_its_values(table: dict, size: float, inside: list[Any], outside: list[Any]):
    found = space.Range(**table)
    assert found.size == size
    assert [found.holds(one) for one in [*inside, *outside]] == [True] * len(inside) + [False] * len(outside)


def test_the_own_setting_of_a_page_between_two_steps_is_not_tried(dial: dict, tmp_path: Path):
    dial["model"]["dial"] = {"ahead": 5}
    dial["tune"]["model.dial.ahead"] = {"low": 4, "high": 8, "step": 2}
    found = p5rec.tune(dial, tmp_path / "out")
    assert {one.settings["model.dial.ahead"] for one in found.trials} == {4, 6, 8}
    assert found.start is None


def test_failed_trials_keep_their_reason(dial: dict, tmp_path: Path):
    dial["tune"] = {"trials": 3, "model.dial.tilt": {"choices": [0.0, 7.0]}}
    found = p5rec.tune(dial, tmp_path / "out")
    assert [one.reason for one in found.trials if one.state == "failed"] == ["the dial is broken"]
    assert found.best.settings == {"model.dial.tilt": 0.0}
    dial["model"] = {"dial": {"tilt": 7.5}}
    dial["tune"] = {"trials": 9, "model.dial.ahead": {"low": 1, "high": 3}}
    with pytest.raises(P5Error, match="no trial of the first 3 came to a value; the last one: the dial is broken"):
        p5rec.tune(dial, tmp_path / "other")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (np.linalg.LinAlgError("Singular matrix"), "LinAlgError: Singular matrix"),
        (KeyError("title"), "KeyError: 'title'"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_whatever_breaks_a_trial_the_search_goes_on(
    dial: dict, tmp_path: Path, monkeypatch: Any, error: Exception, reason: str
):
    run = tune.stages.run

    def broken(page: Any, *rest: Any) -> Any:
        if page.models["dial"].model.config.ahead == 4:
            raise error
        return run(page, *rest)

    monkeypatch.setattr(tune.stages, "run", broken)
    dial["tune"] = {"trials": 2, "model.dial.ahead": {"choices": [4, BEST]}}
    found = p5rec.tune(dial, tmp_path / "out")
    assert next(one.reason for one in found.trials if one.state == "failed") == reason
    assert found.best.settings == {"model.dial.ahead": BEST}


def test_a_folder_of_another_search_is_refused(dial: dict, tmp_path: Path):
    dial["tune"]["trials"] = 1
    p5rec.tune(dial, tmp_path / "out")
    dial["model"]["dial"]["tilt"] = 0.5
    with pytest.raises(InputError, match="this folder holds the search of another page"):
        p5rec.tune(dial, tmp_path / "out")


def test_data_without_validation_rows_cannot_judge_settings(dial: dict, tmp_path: Path):
    dial["data"]["split"] = {"name": "random", "valid": 0.0, "test": 0.2}
    with pytest.raises(InputError, match="the split holds no validation rows to judge settings by"):
        p5rec.tune(dial, tmp_path / "out")


def test_trials_below_the_median_are_ended_early_and_shared_parts_are_made_once(tmp_path: Path, monkeypatch: Any):
    page = shop_page(write_shop(tmp_path), tune={
        "trials": 2, "startup": 1, "warmup": 0, "of": "blend",
        "model.sasrec.train.rate": {"choices": [0.01, 1e-7]},
    })  # fmt: skip
    page["model"]["sasrec"]["train"] = {"epochs": 3, "warmup": 1, "rate": 0.01}
    prepared, solved = [], []
    assembled, of_ease = tune.prepare.assemble, FOLDERS["model"].load("ease").solve
    monkeypatch.setattr(tune.prepare, "assemble", lambda *args: (prepared.append(1), assembled(*args))[1])
    monkeypatch.setattr(FOLDERS["model"].load("ease"), "solve", lambda *args: (solved.append(1), of_ease(*args))[1])
    found = p5rec.tune(page, tmp_path / "out")
    slow = [one for one in found.trials if one.settings["model.sasrec.train.rate"] == 1e-7]
    assert slow
    assert {one.state for one in slow} == {"pruned"}
    assert all(len(one.curve) < 3 and "below the median of the others" in one.reason for one in slow)
    assert found.best.settings == {"model.sasrec.train.rate": 0.01}
    assert (len(prepared), len(solved)) == (1, 1)


def test_all_faults_of_the_section_are_told_together(shop: dict):
    page = shop_page(shop, tune={
        "trails": 5,
        "metric": "ndgc@10",
        "of": "blen",
        "model.sasrec.dropuot": {"low": 0.1, "high": 0.2},
        "model.sasrec.dropout": {"low": 0.5, "high": 1.5},
        "model.saserc.width": {"low": 8, "high": 16},
        "model.sasrec.blocks": {"low": 3, "high": 1},
        "model.sasrec.heads": 2,
        "model.ease.ridge": {"low": 0.0, "high": 1.0, "log": True},
        "model.ease.recency": {"low": 0.0, "hihg": 1.0},
        "data.split": {"choices": ["leave_one_out", "random"]},
    })  # fmt: skip
    with pytest.raises(InputError) as caught:
        space.read(resolve(page))
    told = "\n".join(caught.value.faults)
    for sentence in (
        "tune.trails: there is no such setting; did you mean 'trials'?",
        "tune.metric: the page measures no 'ndgc@10'; did you mean 'ndcg@10'?",
        "tune.of: there is no model or responder 'blen'; did you mean 'blend'?",
        "tune.model.sasrec.dropuot: model.sasrec.dropuot: there is no such setting; did you mean 'dropout'?",
        "tune.model.sasrec.dropout: model.sasrec.dropout: found 1.5",
        "tune.model.saserc.width: the page has no model 'saserc'; did you mean 'sasrec'?",
        "tune.model.sasrec.blocks: found",
        "expected low below high, found 3 and 1",
        "tune.model.sasrec.heads.choices: found 2",
        "expected low above 0 and no step, where log = true",
        "tune.model.ease.recency.hihg: there is no such setting; did you mean 'high'?",
        "tune.data.split: a search may change settings of",
    ):
        assert sentence in told, sentence


def test_a_search_of_nothing_or_too_much_or_of_what_changes_nothing(shop: dict):
    with pytest.raises(InputError, match="tune: the page says nothing to search; name settings and ranges"):
        space.read(resolve(shop_page(shop)))
    with pytest.raises(InputError, match=r"'sasrec' is judged and is not made of 'ease', so that this would change"):
        space.read(resolve(shop_page(shop, tune={"of": "sasrec", "model.ease.ridge": {"low": 1.0, "high": 9.0}})))
    empty = {"data": shop, "evaluate": {"baselines": False}, "tune": {"model.ease.ridge": {"low": 1.0, "high": 9.0}}}
    with pytest.raises(InputError, match=r"tune: the page has no model that a search could judge; name one, e\.g\."):
        space.read(resolve(empty))
    many = {f"model.sasrec.x{n}": {"low": 1, "high": 2} for n in range(21)}
    with pytest.raises(InputError, match="found 21 settings; validation may choose at most 20, leave some out"):
        space.read(resolve(shop_page(shop, tune=many)))
    several = {**shop_page(shop, tune={"model.sasrec.dropout": {"low": 0.1, "high": 0.2}}), "serve": {}}
    with pytest.raises(InputError, match=r"tune\.of: the page has several models; say which is judged, one of blend"):
        space.read(resolve(several))


def test_what_is_missing_is_said(shop: dict, tmp_path: Path, monkeypatch: Any):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "p5rec.commands.study")
    page = shop_page(shop, tune={"of": "sasrec", "model.sasrec.dropout": {"low": 0.1, "high": 0.2}})
    with pytest.raises(InputError, match=r"p5rec tune needs the package 'optuna', .* pip install 'p5rec\[tune\]'"):
        p5rec.tune(page, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_ranges_may_stand_as_tables_too(shop: dict):
    tables = {"of": "sasrec", "model": {"sasrec": {"dropout": {"low": 0.1, "high": 0.5}, "train": {"rate": {
        "low": 1e-4, "high": 1e-2, "log": True}}}}}  # fmt: skip
    found = space.read(resolve(shop_page(shop, tune=tables)))
    assert list(found.ranges) == ["model.sasrec.dropout", "model.sasrec.train.rate"]
    assert found.metric == "ndcg@10"
    assert space.own(resolve(shop_page(shop)), "model.sasrec.train.rate") == 0.001
    assert space.own(resolve(shop_page(shop)), "model.sasrec.task.next_item.weight") == 1.0
    assert space.own(resolve(shop_page(shop)), "items.fusion") == "sum"
    assert space.own(resolve(shop_page(shop)), "responder.blend.scale") is not None


def test_the_command_shows_what_is_best(dial: dict, tmp_path: Path, capsys: Any):
    import tomli_w
    from test_cli import p5rec as typed

    (tmp_path / "page.toml").write_text(tomli_w.dumps(dial))
    words = ["tune", tmp_path / "page.toml", "--out", tmp_path / "out", "--set", "tune.trials=1"]
    code, out, _ = typed(*words, capsys=capsys)
    assert code == 0
    assert "on validation rows" in out
    assert "model.dial.ahead = " in out
