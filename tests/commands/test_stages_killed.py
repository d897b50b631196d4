"""A run with a second stage and a pupil, cut off while the fold or the pupil is trained: it ends as if it never was."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch
from command_toys import shop_page, write_shop
from safetensors.torch import load_file

from p5rec.commands import estimate
from p5rec.commands import run as stage
from p5rec.commands.page import read
from p5rec.commands.weights import WEIGHTS
from p5rec.tasks.next_item import NextItem
from p5rec.training import state

MAIN = "import sys; from p5rec.cli import main; sys.argv[0] = 'p5rec'; main()"
CUTS = {"fold": "stages/models/sasrec", "pupil": "models/distilled"}  # where the model lies that is being trained


def page(folder: Path, epochs: int) -> dict[str, Any]:
    """A first stage that is trained, a second stage over it, and a pupil of that."""
    pace = {"epochs": epochs, "warmup": 1, "patience": 0, "keep": "last", "save_every": 0, "precision": "float32"}
    small = {"kind": "sasrec", "width": 16, "heads": 2, "length": 16, "train": pace}
    taught = {"next_item": {"positions": 64}, "distill": {"teacher": "fused", "depth": 5, "rows": 32}}
    return shop_page(
        write_shop(folder),
        model={
            "ease": {},
            "sasrec": {**small, "task": {"next_item": {"positions": 64}}},
            "distilled": {**small, "task": taught},
        },
        responder={"fused": {"kind": "stack", "of": ["ease", "sasrec"]}},
        serve={"responder": "distilled"},
    )


def in_training(run: Path, cut: str) -> bool:
    """Whether the state of a model's training is on disk."""
    place = run / CUTS[cut]
    return bool(list(place.parent.glob(f".{place.name}.*.training/{state.FILE}")))


def resumed(run: Path, cut: str) -> int:
    """How often the training of a model was taken up again."""
    return json.loads((run / CUTS[cut] / "artifact.json").read_text())["history"]["resumed"]


def same(one: Path, other: Path) -> None:
    """Both runs learned the same: the few weights, the second stage, all models."""
    assert json.loads((one / "responders.json").read_text())["learned"].keys() == {"fused"}
    for name in ("stages/fused.txt", "stages/models/sasrec", "models/sasrec", "models/distilled"):
        ours, theirs = one / name, other / name
        if ours.is_file():
            assert ours.read_text() == theirs.read_text()
            continue
        first, second = load_file(ours / WEIGHTS), load_file(theirs / WEIGHTS)
        assert first.keys() == second.keys()
        for part, values in first.items():
            assert torch.allclose(values, second[part], atol=1e-5), f"{name}: {part}"


# ---------------------------------------------------------------- power cuts in this process


class PowerCut(BaseException):
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    stage.train(read(page(folder, 1)), folder / "run")
    return folder / "run"


@pytest.mark.parametrize("cut", CUTS)
def test_a_cut_run_learns_what_a_whole_one_learns(
    whole: Path, tmp_path: Path, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, batch = read(page(tmp_path, 1)), NextItem.batch
    monkeypatch.setattr(estimate, "training", lambda *args: [])  # it takes steps of its own

    def stopping(self: NextItem, *args: Any) -> Any:
        if in_training(tmp_path / "run", cut):
            raise PowerCut
        return batch(self, *args)

    monkeypatch.setattr(NextItem, "batch", stopping)
    with pytest.raises(PowerCut):
        stage.train(made, tmp_path / "run")
    assert not (tmp_path / "run" / "artifact.json").exists()
    monkeypatch.undo()
    stage.train(made, tmp_path / "run")
    assert {name: resumed(tmp_path / "run", name) for name in CUTS} == {name: int(name == cut) for name in CUTS}
    same(tmp_path / "run", whole)


# ---------------------------------------------------------------- kill -9


def measured(run: Path) -> dict[str, Any]:
    """The numbers of a report that do not tell time or memory."""
    rows = json.loads((run / "report.json").read_text())["models"]
    return {name: [row["valid"], row["test"], row.get("learned")] for name, row in rows.items()}


def flat(value: Any) -> list[float]:
    """All numbers of a tree."""
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in flat(value[key])]
    if isinstance(value, list):
        return [number for one in value for number in flat(one)]
    return [float(value)] if isinstance(value, int | float) else []


@pytest.mark.prove
def test_a_killed_run_reports_what_an_uninterrupted_one_does(tmp_path: Path) -> None:
    (tmp_path / "page.toml").write_text(tomli_w.dumps(page(tmp_path, 6)))

    def start(out: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", MAIN, "run", str(tmp_path / "page.toml"), "--out", str(tmp_path / out)]
        return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})

    assert start("whole").wait() == 0
    for cut in CUTS:  # the same run is killed twice
        process = start("cut")
        while process.poll() is None and not in_training(tmp_path / "cut", cut):
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert in_training(tmp_path / "cut", cut), "the kill came too late"
        assert not (tmp_path / "cut" / "report.json").exists()
    assert start("cut").wait() == 0
    assert {name: resumed(tmp_path / "cut", name) for name in CUTS} == dict.fromkeys(CUTS, 1)
    same(tmp_path / "cut", tmp_path / "whole")
    ours, theirs = measured(tmp_path / "cut"), measured(tmp_path / "whole")
    assert ours.keys() == theirs.keys() >= {"ease", "sasrec", "fused", "distilled"}
    assert len(flat(ours)) > 30
    assert flat(ours) == pytest.approx(flat(theirs), abs=1e-4)
