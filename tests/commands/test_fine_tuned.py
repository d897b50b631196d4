"""What a model of many families is after a tuning of one, and after a power cut in the middle of its training."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch
from safetensors.torch import load_file

from p5rec.commands import estimate
from p5rec.commands import run as stage
from p5rec.commands.page import read
from p5rec.commands.recommender import Recommender
from p5rec.commands.weights import WEIGHTS
from p5rec.tasks.prompt import Prompt
from p5rec.training import state

FAMILIES = ("rating", "sequential", "direct", "explanation", "review", "instruct")
SORTS, THINGS = ("tea", "jam", "pot"), ("zorb", "plinth", "tassel", "grommet", "spigot", "ferrule")
FORMS = ("I like the {0}. It is very {2} and the {1} is too.", "My {1} broke. A {2} {0} is a thing for the {1}.")
ASKED = {  # a prompt of each family → the kind of its answer
    "how many stars will {user} give to {item} ?": "number",
    "{user} has just met {item} . will they like it ?": "text",
    "{history} what comes next ?": "items",
    "{history} which of these comes next ? {candidates} . choose one :": "items",
    "name the best item for {user} :": "items",
    "explain to {user} why {item} :": "text",
    "give this review a headline : I like the zorb. It is very good and the tassel is too. .": "text",
    "{history} something from tea": "items",
}


def write(folder: Path) -> dict[str, str]:
    """Reviews, and what sort each item is of."""
    draw, lines = random.Random(5), []
    for user in range(40):
        for n, item in enumerate(draw.sample(range(24), 7)):
            stars, (one, other) = draw.choice([1, 5]), draw.sample(THINGS, 2)
            word = "good" if stars == 5 else "bad"
            row = {"reviewerID": f"u{user}", "asin": f"i{item}", "overall": stars, "unixReviewTime": 1000 + n}
            text = draw.choice(FORMS).format(one, other, word)
            lines.append(json.dumps({**row, "reviewText": text, "summary": f"a {word} {one}"}))
    (folder / "reviews.jsonl").write_text("\n".join(lines) + "\n")
    items = [json.dumps({"asin": f"i{n}", "title": f"thing {n}", "categories": [[SORTS[n % 3]]]}) for n in range(24)]
    (folder / "items.jsonl").write_text("\n".join(items) + "\n")
    return {"source": "amazon", "path": str(folder / "reviews.jsonl"), "items": str(folder / "items.jsonl")}


def page(data: dict[str, str], tasks: dict[str, Any], **model: Any) -> dict[str, Any]:
    return {
        "data": data,
        "items": {"modalities": ["id", "category"]},
        "model": {"p5": {**model, "task": tasks}},
        "evaluate": {"bootstrap": 100, "baselines": False, "comparison": False},
        "serve": {"responder": "p5", "fallback": "p5"},
    }


def of_families(data: dict[str, str], **train: Any) -> dict[str, Any]:
    tasks = {name: {"kind": "prompt", "family": name, "rows": 24, "kinds": 1.0} for name in FAMILIES}
    pace = {"turns": "each", "rate": 0.005, "warmup": 10, "patience": 0, "keep": "last", "precision": "float32"}
    shape = {"width": 32, "blocks": 1, "length": 48, "dropout": 0.1}
    return page(data, tasks, **shape, train={**pace, **train})


def kinds(run: Path) -> dict[str, str]:
    """Prompt → the kind of its answer; the answers are what they should be."""
    recommender, found = Recommender.load(run), {}
    for prompt in ASKED:
        named = {"item": "i7"} if "{item}" in prompt else {}
        listed = {"candidates": ["i1", "i2", "i3"]} if "{candidates}" in prompt else {}
        reply = recommender.ask(prompt, user="u3" if "{" in prompt else None, k=3, **named, **listed)  # type: ignore[arg-type]
        found[prompt] = reply.kind
        assert reply.kind != "number" or 1 <= reply.number <= 5
        assert reply.kind != "text" or reply.text
        assert reply.kind != "items" or reply.items
    return found


def test_a_model_tuned_to_one_family_answers_all_it_knew(tmp_path: Path) -> None:
    data = write(tmp_path)
    stage.train(read(of_families(data, epochs=1000, steps=360)), tmp_path / "all")
    assert kinds(tmp_path / "all") == ASKED
    tuned = {
        "tuning": "lowrank",
        "rate": 0.0002,
        "epochs": 1000,
        "steps": 30,
        "warmup": 1,
        "patience": 0,
        "keep": "last",
    }
    started = page(data, {"rating": {}}, **{"from": str(tmp_path / "all"), "train": tuned})
    stage.train(read(started), tmp_path / "tuned")
    assert kinds(tmp_path / "tuned") == ASKED
    before, after = (weights(tmp_path / name) for name in ("all", "tuned"))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)


# ---------------------------------------------------------------- power cuts


class PowerCut(BaseException):
    pass


def weights(run: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(run / "models" / "p5" / WEIGHTS)
    return found


def same_weights(one: Path, other: Path) -> None:
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.allclose(tensor, theirs[name], atol=1e-5), name


def test_families_cut_in_the_middle_end_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = read(of_families(write(tmp_path), epochs=1, steps=16, save_every=0, validate_every=0.2))
    stage.train(made, tmp_path / "whole")
    monkeypatch.setattr(estimate, "training", lambda *args: [])  # it takes steps of its own
    batch, calls = Prompt.batch, iter(range(1000))

    def cut(self: Prompt, *args: Any) -> Any:
        if next(calls) == 10:
            raise PowerCut
        return batch(self, *args)

    monkeypatch.setattr(Prompt, "batch", cut)
    with pytest.raises(PowerCut):
        stage.train(made, tmp_path / "cut")
    assert list((tmp_path / "cut").rglob(state.FILE))
    monkeypatch.undo()
    stage.train(made, tmp_path / "cut")
    assert json.loads((tmp_path / "cut" / "models" / "p5" / "artifact.json").read_text())["history"]["resumed"] == 1
    same_weights(tmp_path / "cut", tmp_path / "whole")


@pytest.mark.prove
def test_a_killed_process_ends_with_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    """kill -9 in the midst of training on prompts."""
    values = of_families(write(tmp_path), epochs=1000, steps=400, save_every=0.2)
    (tmp_path / "page.toml").write_text(tomli_w.dumps(values))

    def start(out: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "from p5rec.cli import main; main()", "train", str(tmp_path / "page.toml")]
        return subprocess.Popen([*command, "--out", str(tmp_path / out)], env={**os.environ, "OMP_NUM_THREADS": "1"})

    assert start("whole").wait() == 0
    process = start("cut")
    while process.poll() is None and not list((tmp_path / "cut").rglob(state.FILE)):
        time.sleep(0.01)
    time.sleep(0.5)
    assert process.poll() is None, "the run was over before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert start("cut").wait() == 0
    same_weights(tmp_path / "cut", tmp_path / "whole")
