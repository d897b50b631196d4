"""A run whose page changes: what hangs on the change is made anew, and only that; odd chains of models hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_toys import shop_page, write_shop

from p5rec.commands import pupils
from p5rec.commands import run as stage
from p5rec.commands import train as training
from p5rec.commands.made import opened
from p5rec.commands.page import read
from p5rec.core.errors import InputError
from p5rec.responders._weighed import Weighed
from p5rec.responders.stack import Stack
from p5rec.tasks.distill import Distill

SMALL = {"kind": "sasrec", "width": 16, "heads": 2, "length": 16, "train": {"epochs": 1, "warmup": 1}}
FUSED = {"kind": "stack", "of": ["ease", "content", "mean"]}
MEAN = {"kind": "reciprocal", "of": ["ease", "content"], "constant": 60.0}


def page(folder: Path, **others: Any) -> dict[str, Any]:
    models = {"ease": {}, "content": {}, **others.pop("model", {})}
    responders = {"mean": MEAN, "fused": FUSED, **others.pop("responder", {})}
    return shop_page(write_shop(folder), **({"model": models, "responder": responders, "serve": {}} | others))


def pupil(**task: Any) -> dict[str, Any]:
    return {**SMALL, "task": {"next_item": {}, "distill": {"teacher": "fused", "depth": 5, **task}}}


def version(values: dict[str, Any], run: Path) -> str:
    stage.train(read(values), run)
    found: str = opened(run)[1]["version"]
    return found


@pytest.mark.parametrize(
    "change",
    [
        {"fused": {**FUSED, "of": ["content", "ease", "mean"]}},
        {"fused": {**FUSED, "of": ["ease", "content"]}},
        {"mean": {**MEAN, "constant": 1.0}},
        {"mean": {**MEAN, "kind": "average", "constant": None}},
    ],
    ids=["another order", "a part less", "a setting of a part", "another kind of part"],
)
def test_a_second_stage_learns_anew_when_its_parts_change(tmp_path: Path, change: dict[str, Any]):
    change = {name: {key: one for key, one in entry.items() if one is not None} for name, entry in change.items()}
    first = version(page(tmp_path), tmp_path / "run")
    second = version(page(tmp_path, responder=change), tmp_path / "run")
    afresh = version(page(tmp_path, responder=change), tmp_path / "fresh")
    assert second == afresh != first
    told = [opened(tmp_path / run)[0].learned.texts["fused"] for run in ("run", "fresh")]
    assert told[0] == told[1]


@pytest.mark.parametrize("depth", [5, 4])
def test_what_a_teacher_said_is_kept_for_the_same_questions_only(tmp_path: Path, depth: int, monkeypatch: Any):
    def cut(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "fit", cut)
    with pytest.raises(KeyboardInterrupt):
        stage.train(read(page(tmp_path, model={"small": pupil()})), tmp_path / "run")
    monkeypatch.undo()
    asked = []
    really = Distill.ask
    monkeypatch.setattr(Distill, "ask", lambda *a: (asked.append(1), really(*a))[1])
    stage.train(read(page(tmp_path, model={"small": pupil(depth=depth)})), tmp_path / "run")
    assert len(asked) == (depth != 5)


def test_what_stands_above_a_pupil_is_chosen_over_parts_as_they_are_served(tmp_path: Path, monkeypatch: Any):
    shares: list[float] = []

    def fit(self: Weighed, *args: Any) -> None:
        shares.extend(one.share for one in self.inner.values() if isinstance(one, Stack))

    monkeypatch.setattr(Weighed, "fit", fit)
    late = {"late": {"kind": "blend", "of": ["fused", "small"]}}
    stage.train(read(page(tmp_path, model={"small": pupil()}, responder=late)), tmp_path / "run")
    assert shares == [opened(tmp_path / "run")[0].learned["fused"]["share"]]


def test_models_that_start_from_others_stand_under_second_stages_and_pupils_under_starts(tmp_path: Path):
    models = {"base": SMALL, "tuned": {"kind": "sasrec", "from": "base", "train": SMALL["train"]}}
    after = {
        "small": pupil(),
        "heir": {"kind": "sasrec", "from": "small", "task": {"next_item": {}}, "train": SMALL["train"]},
    }
    values = page(
        tmp_path,
        model=models | after,
        responder={"fused": {**FUSED, "of": ["ease", "tuned"]}},
        serve={"responder": "heir"},
    )
    stage.train(read(values), tmp_path / "run")
    made, facts = opened(tmp_path / "run")
    assert facts["serves"] == "heir"
    assert made.final["heir"].facts["start"]["model"] == "small"
    assert pupils.waiting(made.page.models) == ["small", "heir"]
    assert pupils.bases(made.page, "fused") == ["ease", "base", "tuned"]


@pytest.mark.parametrize("part", ["small", "heir"])
def test_a_second_stage_above_a_pupil_is_refused(tmp_path: Path, part: str):
    models = {"small": pupil(), "heir": {"kind": "sasrec", "from": "small", "task": {"next_item": {}}}}
    values = page(tmp_path, model=models, responder={"above": {"kind": "stack", "of": ["ease", part]}})
    with pytest.raises(
        InputError, match=rf"responder.above: .* but the teacher of '{part}' has; leave '{part}' out of it"
    ):
        read(values)


def test_another_start_of_the_same_settings_is_another_start(tmp_path: Path):
    models = {
        "a": SMALL,
        "b": SMALL,
        "tuned": {"kind": "sasrec", "from": "a", "train": {**SMALL["train"], "rate": 1e-9}},
    }
    values = page(tmp_path, model=models, responder={"fused": {**FUSED, "of": ["ease", "content"]}})
    stage.train(read(values), tmp_path / "run")
    values["model"]["tuned"]["from"] = "b"
    stage.train(read(values), tmp_path / "run")
    final = opened(tmp_path / "run")[0].final

    def gap(name: str) -> float:
        pairs = zip(final["tuned"].model.parameters(), final[name].model.parameters(), strict=True)
        return max(float((one - other).detach().abs().max()) for one, other in pairs)

    assert gap("b") < 1e-3 < gap("a")


def test_a_server_that_stepped_aside_leaves_its_place_to_the_best(tmp_path: Path, capsys: Any):
    values = shop_page(write_shop(tmp_path), model={"ease": {"max_items": 1}, "content": {}}, responder={})
    values["serve"] = {"responder": "ease"}
    report = stage.run(read(values), tmp_path / "run")
    assert "serve.responder: 'ease' stepped aside, so the best on validation serves" in capsys.readouterr().err
    assert report.serves == report.best("valid").name == opened(tmp_path / "run")[1]["serves"]
    stage.train(read(values), tmp_path / "run")
    assert opened(tmp_path / "run")[1]["serves"] == report.serves
    assert not (tmp_path / "run" / "report.json").exists(), "a report of another run's models"


@pytest.mark.parametrize(("serves", "told"), [("popular", 1), ("ease", 0)])
def test_a_server_that_is_surely_worse_than_another_row_is_told(tmp_path: Path, serves: str, told: int):
    values = shop_page(write_shop(tmp_path), model={"ease": {}}, responder={}, serve={"responder": serves})
    found = stage.run(read(values), tmp_path / "run").findings
    doubts = [one.sentence for one in found if "is surely better on validation rows: ndcg@10" in one.sentence]
    assert len(doubts) == told
    assert all(one.startswith("popular serves, as the page says, though ") for one in doubts)


def test_plugs_that_only_the_run_has_are_kept(tmp_path: Path):
    plugs = tmp_path / "plugs" / "responder"
    plugs.mkdir(parents=True)
    (plugs / "ownmean.py").write_text(
        "from p5rec.responders.average import Average\n\n\nclass Ownmean(Average):\n    '''The mean.'''\n"
    )
    values = page(
        tmp_path, responder={"own": {"kind": "ownmean", "of": ["ease", "content"]}}, plugs=str(tmp_path / "plugs")
    )
    stage.train(read(values), tmp_path / "run")
    kept = tmp_path / "run" / "plugs" / "responder" / "ownmean.py"
    (plugs / "ownmean.py").unlink()
    stage.train(read({**values, "plugs": str(tmp_path / "run" / "plugs")}), tmp_path / "run")
    assert kept.is_file()


def test_answers_that_an_earlier_run_knows_are_refused(tmp_path: Path):
    data = write_shop(tmp_path)
    first = shop_page({**data, "split": "random"}, responder={}, serve={}, model={"small": SMALL})
    stage.train(read(first), tmp_path / "first")
    second = shop_page(data, responder={}, serve={}, model={"small": {"from": str(tmp_path / "first")}})
    with pytest.raises(InputError, match=r"model.small.from: \d+% of the test pairs were training rows of .*first"):
        stage.train(read(second), tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_a_second_stage_over_a_model_that_knows_its_fold_is_refused(tmp_path: Path):
    first = shop_page(write_shop(tmp_path), responder={}, serve={}, model={"small": SMALL})
    stage.train(read(first), tmp_path / "first")
    values = page(
        tmp_path,
        model={"small": {"from": str(tmp_path / "first")}},
        responder={"fused": {**FUSED, "of": ["ease", "small"]}},
    )
    message = r"responder.fused: 100% of the last training pairs, of which it learns how far to trust 'small', were"
    with pytest.raises(InputError, match=message):
        stage.train(read(values), tmp_path / "second")


def test_validation_rows_that_an_earlier_run_knows_are_told(tmp_path: Path):
    values = shop_page(write_shop(tmp_path), responder={}, serve={}, model={"small": SMALL})
    stage.train(read({**values, "evaluate": {"fitted_on": "train+valid"}}), tmp_path / "first")
    values["model"] = {"small": {"from": str(tmp_path / "first")}}
    report = stage.run(read(values), tmp_path / "second")
    told = [
        one
        for one in report.findings
        if "model.small.from: 100% of the validation pairs were training rows" in one.sentence
    ]
    assert [one.level for one in told] == ["warn"]
    np.testing.assert_array_equal([row.name for row in report.rows if row.name == "small"], ["small"])
