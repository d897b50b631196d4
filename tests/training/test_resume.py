"""Resumed = uninterrupted, whatever killed the run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from p5rec.contracts import Dataset, Model, Stream
from p5rec.core.config import Config
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.testing.making import setting
from p5rec.training import state
from p5rec.training.balance.pcgrad import Pcgrad
from p5rec.training.balance.uncertainty import Uncertainty, UncertaintyConfig
from p5rec.training.tuning.bias import Bias, BiasConfig
from p5rec.training.tuning.lowrank import Lowrank, LowrankConfig

Train = Callable[..., Any]


class PowerCut(BaseException):
    pass


class CutAt(NextItem):
    """Pulls the plug when the batch of a step is made."""

    when = -1

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Any]:
        if step == self.when:
            raise PowerCut
        return super().batch(dataset, model, seed, step)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_cut_run_goes_on_to_the_same_losses(train: Train, dataset: Dataset, tmp_path: Path, average: float) -> None:
    settings: dict[str, Any] = {"epochs": 4, "average": average, "save_every": 0, "patience": 0}

    def validate(model: Model) -> float:
        return float(model.items.all().detach().norm())

    def task(when: int) -> dict[str, CutAt]:
        made = CutAt(NextItemConfig(positions=256), setting(dataset))
        made.when = when
        return {"it": made}

    whole, straight = train(tasks=task(-1), validate=validate, **settings)
    for when in (3, 9):
        with pytest.raises(PowerCut):
            train(tasks=task(when), validate=validate, folder=tmp_path / "s", **settings)
        assert (tmp_path / "s" / state.FILE).is_file()
    resumed, model = train(tasks=task(-1), validate=validate, folder=tmp_path / "s", **settings)
    assert resumed.resumed == 2
    assert resumed.losses == whole.losses
    assert [one["score"] for one in resumed.valid] == pytest.approx([one["score"] for one in whole.valid], rel=1e-6)
    for name, tensor in straight.state_dict().items():
        assert torch.allclose(model.state_dict()[name], tensor, atol=1e-6)
    assert not (tmp_path / "s").exists(), "a finished run needs no state"


NAMES = ("first", "second", "third")
PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "uncertainty": lambda: {"balance": Uncertainty(UncertaintyConfig(), dict.fromkeys(NAMES, 1.0))},
    "pcgrad": lambda: {"balance": Pcgrad(Config(), dict.fromkeys(NAMES, 1.0))},
    "each": lambda: {"turns": "each", "weights": {"first": 3.0, "second": 1.0, "third": 2.0}},
    "lowrank": lambda: {"tuning": Lowrank(LowrankConfig(rank=2, dropout=0.1)), "average": 0.9},
    "bias": lambda: {"tuning": Bias(BiasConfig())},
    "all at once": lambda: {
        "balance": Uncertainty(UncertaintyConfig(), dict.fromkeys(NAMES, 1.0)),
        "turns": "each",
        "tuning": Lowrank(LowrankConfig(rank=2, open=("kinds.*",))),
    },
}


@pytest.mark.parametrize("part", PARTS)
def test_parts_with_a_memory_go_on_as_if_never_cut(train: Train, dataset: Dataset, tmp_path: Path, part: str) -> None:
    def tasks(when: int) -> dict[str, CutAt]:
        made = {name: CutAt(NextItemConfig(positions=256), setting(dataset)) for name in NAMES}
        made["second"].when = when
        return made

    def run(when: int, folder: Path | None) -> Any:
        scores = iter(range(100))
        settings = {"epochs": 3, "validate": lambda model: next(scores), "save_every": 0, **PARTS[part]()}
        return train(tasks=tasks(when), folder=folder, **settings)

    whole, straight = run(-1, None)
    with pytest.raises(PowerCut):
        run(2, tmp_path / "s")
    resumed, model = run(-1, tmp_path / "s")
    assert resumed.resumed == 1
    for kind in ("losses", "weights"):
        one, other = getattr(resumed, kind), getattr(whole, kind)
        assert one.keys() == other.keys()
        assert all(one[name] == pytest.approx(other[name], abs=1e-4) for name in other)
    assert (resumed.trainable, resumed.steps) == (whole.trainable, whole.steps)
    assert model.state_dict().keys() == straight.state_dict().keys()
    for name, tensor in straight.state_dict().items():
        assert torch.allclose(model.state_dict()[name], tensor, atol=1e-4)


def test_a_state_of_another_balance_or_tuning_is_not_gone_on_from(
    train: Train, dataset: Dataset, tmp_path: Path
) -> None:
    def task(when: int) -> dict[str, CutAt]:
        made = CutAt(NextItemConfig(positions=256), setting(dataset))
        made.when = when
        return {"first": made}

    def cut(**parts: Any) -> None:
        with pytest.raises(PowerCut):
            train(tasks=task(2), folder=tmp_path / "s", save_every=0, **parts)

    def resumed(**parts: Any) -> int:
        count: int = train(tasks=task(-1), folder=tmp_path / "s", epochs=3, steps=4, **parts)[0].resumed
        return count

    cut(balance=Uncertainty(UncertaintyConfig(pace=2), {"first": 1.0}), steps=4)
    assert resumed(balance=Uncertainty(UncertaintyConfig(), {"first": 1.0})) == 0
    cut(tuning=Lowrank(LowrankConfig(alpha=1)), steps=4)
    assert resumed(tuning=Lowrank(LowrankConfig())) == 0
    cut(tuning=Lowrank(LowrankConfig()), steps=4)
    assert resumed(tuning=Lowrank(LowrankConfig())) == 1


def test_a_state_of_other_settings_is_not_gone_on_from(train: Train, dataset: Dataset, tmp_path: Path) -> None:
    task = CutAt(NextItemConfig(positions=256), setting(dataset))
    task.when = 2
    with pytest.raises(PowerCut):
        train(tasks={"it": task}, folder=tmp_path / "s", save_every=0)
    history, _ = train(tasks={"it": CutAt(task.config, setting(dataset))}, folder=tmp_path / "s", rate=0.02)
    assert history.resumed == 0
    assert history.steps == 3 * history.steps_per_epoch


def test_a_damaged_state_is_no_state(tmp_path: Path) -> None:
    assert state.read(tmp_path) is None
    state.write(tmp_path, {"a": torch.arange(3.0)}, {"step": 4})
    tensors, facts = state.read(tmp_path) or ({}, {})
    assert (tensors["a"].tolist(), facts) == ([0, 1, 2], {"step": 4})
    path = tmp_path / state.FILE
    path.write_bytes(path.read_bytes()[:-5])
    assert state.read(tmp_path) is None


SCRIPT = """
import json, sys, torch
from pathlib import Path
from p5rec.core.config import Config
from p5rec.models.sasrec import Sasrec, SasrecConfig
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.testing.making import setting
from p5rec.testing.worlds import markov
from p5rec.training.balance.fixed import Fixed
from p5rec.training.fit import TrainConfig, fit
from p5rec.training.tuning.full import Full

torch.set_num_threads(1)
dataset = markov(users=400, items=20, length=10).dataset
made_for = setting(dataset)
torch.manual_seed(1)
model = Sasrec(SasrecConfig(width=16, dropout=0.2, length=12), made_for)
history = fit(
    model,
    {"it": NextItem(NextItemConfig(positions=256), made_for)},
    dataset,
    TrainConfig(epochs=40, precision="float32", save_every=0.05),
    weights={"it": 1.0},
    balance=Fixed(Config(), {"it": 1.0}),
    tuning=Full(Config()),
    folder=Path(sys.argv[1]),
)
print(json.dumps([history.resumed, history.losses["it"]]))
"""


@pytest.mark.prove
def test_a_killed_process_goes_on_to_the_same_losses(tmp_path: Path) -> None:
    """kill -9, twice, somewhere in the middle."""

    def start(folder: str) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", SCRIPT, folder], stdout=subprocess.PIPE, text=True)

    whole = start(str(tmp_path / "whole"))
    resumed, expected = json.loads(whole.communicate()[0].splitlines()[-1])
    assert resumed == 0
    kills = 0
    for _ in range(2):
        process = start(str(tmp_path / "cut"))
        before = _stamp(tmp_path / "cut")
        while process.poll() is None and _stamp(tmp_path / "cut") == before:
            time.sleep(0.01)
        time.sleep(0.3)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate()
    assert kills, "the run was over before it could be killed"
    last = start(str(tmp_path / "cut"))
    resumed, losses = json.loads(last.communicate()[0].splitlines()[-1])
    assert resumed == kills
    assert losses == pytest.approx(expected, abs=1e-4)


def _stamp(folder: Path) -> int:
    path = folder / state.FILE
    return path.stat().st_mtime_ns if path.is_file() else 0
