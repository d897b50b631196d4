"""A run of which files were cut off, lost or written over: one sentence says which, and what to do."""

import json
import shutil
from pathlib import Path

import pytest

import p5rec
from p5rec.commands.made import LEARNED
from p5rec.commands.weights import WEIGHTS
from p5rec.core.errors import InputError

KEPT = Path(__file__).parents[1] / "artifacts" / "format-1"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KEPT, tmp_path / "run"))


def fault(run: Path) -> str:
    """The one sentence that opening says."""
    with pytest.raises(InputError) as caught:
        p5rec.load(run)
    (sentence,) = caught.value.faults
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("size", [None, 0, 20, 400])
def test_weights_that_were_lost_or_cut_off(run: Path, size: int | None) -> None:
    path = run / "models" / "ease" / WEIGHTS
    content = path.read_bytes()
    path.unlink()
    if size is not None:
        path.write_bytes(content[:size])
    told = fault(run)
    assert told.startswith(f"{path}: these weights are missing or damaged (")
    assert told.endswith(f"); remove {path.parent} and train it again")


def test_weights_of_another_model(run: Path) -> None:
    shutil.copy(run / "models" / "mf" / WEIGHTS, run / "models" / "sasrec" / WEIGHTS)
    assert "sasrec: these weights do not fit the model of the page (Error(s) in loading" in fault(run)


@pytest.mark.parametrize("text", [None, "", '{"learned": {', "[]", '{"seconds": {}}', "\x00"])
def test_what_responders_learned_was_lost_or_cut_off(run: Path, text: str | None) -> None:
    path = run / LEARNED
    path.unlink() if text is None else path.write_text(text)
    told = fault(run)
    assert told.startswith(f"{path}: what responders learned is missing or damaged (")
    assert told.endswith(f"); run the page again with --out {run}")


def test_a_text_that_was_lost(run: Path) -> None:
    responders = json.loads((run / LEARNED).read_text())
    (run / LEARNED).write_text(json.dumps({**responders, "texts": {"stack": "stages/stack.txt"}}))
    assert f"{run / 'stages' / 'stack.txt'}: what responders learned is missing or damaged (No such file" in fault(run)


@pytest.mark.parametrize("text", ["AAA", "AAAA", "é"])
def test_a_text_that_was_cut_off(run: Path, text: str) -> None:
    with (run / "page.toml").open("a") as page:
        page.write('[responder.second]\nkind = "stack"\nof = ["itemknn", "ease"]\n')
    responders = json.loads((run / LEARNED).read_text())
    responders["learned"]["second"] = {"share": 0.5}
    (run / LEARNED).write_text(json.dumps({**responders, "texts": {"second": "second.txt"}}))
    (run / "second.txt").write_text(text)
    assert "responder.second: what it learned is damaged (" in fault(run)


def test_weights_that_a_responder_does_not_know(run: Path) -> None:
    (run / LEARNED).write_text(json.dumps({"learned": {"blend": {}}, "seconds": {}}))
    assert "responder.blend: what it learned is damaged (KeyError('weights')); run the page again" in fault(run)
