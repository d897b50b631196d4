"""One model for all families of prompts beside a model of its own for each, at the same budget.

    python benchmarks/p5_families.py DATA [--joint DIR] [--families rating,review,…] [--set a.b=c …] [--work DIR]
                                     [--out benchmarks/results/p5_families.md]

All have the settings of the page `p5-reviews`. In the joint run the tasks take turns, drawn by their weights; a model
of its own is trained on exactly that family's task (no next items, no ratings beside it) for as many steps as the
task had there, with the rate falling to 0 by the last. Both answer the same prompts about the last event of each
user, so that differences are paired. --joint names a finished run of the page. A row is written as soon as it is
known, and a run that was cut off goes on in its folder of --work.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import recorded

from p5rec.commands import assemble
from p5rec.commands import page as pages
from p5rec.commands import run as stage
from p5rec.commands.families import Room, slot_name, slots
from p5rec.commands.family_exam import exam
from p5rec.commands.family_marks import marked
from p5rec.commands.made import Made, finished, opened
from p5rec.core import seed as seeds
from p5rec.evaluation.evaluate import Measured
from p5rec.training.turns import Turns

HEAD = ["family", "metric", "steps", "one model for all", "a model of its own", "better by %", "95 % of the difference"]


def joint(options: argparse.Namespace) -> Made:
    """The run of all families: the given one, or the page without its other models."""
    out = options.joint or options.work / "families-joint"
    if not options.joint:
        values = changed(pages.read("p5-reviews", [f"data.path={options.data}", *options.set]).values)
        recorded.made(stage.train, pages.read(values), out)
    return opened(out)[0]


def changed(values: Any) -> dict[str, Any]:
    """The page with p5 alone."""
    found: dict[str, Any] = copy.deepcopy(dict(values))
    found["model"] = {"p5": found["model"]["p5"]}
    found["evaluate"] = {**found.get("evaluate", {}), "baselines": False}
    return found


def budgets(made: Made) -> dict[str, int]:
    """Task → the steps it had in the joint run, of those that did not step aside."""
    history, entry = made.final["p5"].facts["history"], made.page.models["p5"]
    weights = {name: weight for name, (_, weight) in entry.tasks.items() if name in history["losses"]}
    turns = Turns(weights, entry.train.turns, seeds.number(made.page.run.seed, "train", "p5"))
    steps = [turns.at(step) for step in range(history["steps"])]
    return {name: sum(name in one for one in steps) for name in weights}


def alone(made: Made, task: str, steps: int, out: Path) -> Made:
    """A model of its own for a task, trained for so many steps."""
    values = changed(made.page.values)
    p5 = values["model"]["p5"]
    p5["task"] = {task: p5["task"][task]}
    found = assemble.tasks(pages.read(values).models["p5"], assemble.setting(made.page, made.dataset), made.dataset)[0]
    passes = math.ceil(steps / found[task].steps(made.dataset))
    p5["train"] = {**p5["train"], "epochs": passes, "steps": steps}
    recorded.made(stage.train, pages.read(values), out)
    return opened(out)[0]


def answers(made: Made, task: str) -> tuple[Room, dict[str, Measured]]:
    """What the p5 of a run says to the prompts of a family, feature words not given away; the room is where."""
    room = Room(made, finished(made.final)["p5"], made.page.models["p5"].tasks[task][0].config)
    able = [one for one in room.templates if all(room.knowledge.able(name) for name in one.names)]
    found = {}
    for slot, wordings in slots(able).items():
        events = room.able_events(wordings)
        if slot[1] != "feature" and len(events):
            asked = exam(room.knowledge, wordings, events, room.seed)
            found[slot_name(slot)] = marked(asked, slot[0], room.answerer, room.dataset)
    return room, found


def rows(made: Made, own: Made, task: str, steps: int) -> list[list[str]]:
    """A row a metric: one model, a model of its own, how much better the one is, and the interval of one minus own."""
    (room, ours), (_, theirs) = answers(made, task), answers(own, task)
    gaps = {name: asdict(gap) for name, gap in room.row("own", theirs, ours).differences.items()}
    found = []
    for prefix, measured in ours.items():
        for name, value in measured.values.items():
            other, gap = theirs[prefix].values[name], gaps[prefix + name]
            sign = -1 if measured.metrics[name].higher is False else 1
            better = f"{100 * sign * (value - other) / abs(other):+.1f}" if abs(other) > 1e-6 else ""
            numbers = [f"{value:.4f}", f"{other:.4f}", better, recorded.ends(gap["low"], gap["high"])]
            found.append([room.name, prefix + name, str(steps), *numbers])
    return found


def kept(runs: list[Path], measure: Callable[[], list[list[str]]]) -> list[list[str]]:
    """Rows of the last run beside the first, measured anew where one of both is newer than what its folder holds."""
    file, done = runs[-1] / "rows.json", [(run / recorded.MARKER).stat().st_mtime for run in (runs[0], runs[-1])]
    if not file.is_file() or file.stat().st_mtime < max(done):
        file.write_text(json.dumps(measure()), encoding="utf-8")
    found: list[list[str]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--joint", type=Path)
    parser.add_argument("--families", default="rating,sequential,direct,explanation,review")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    made = joint(options)
    steps, runs = budgets(made), [options.joint or options.work / "families-joint"]
    told = ", ".join(f"{name} {count:,}" for name, count in steps.items())
    changes = [f"--joint {options.joint}"] * bool(options.joint) + [f"--set {one}" for one in options.set]
    command = " ".join(["python benchmarks/p5_families.py", options.data, "--families", options.families, *changes])
    table: list[list[str]] = []
    for task in [name for name in options.families.split(",") if steps.get(name)]:
        runs.append(options.work / f"families-{task}")
        own = alone(made, task, steps[task], runs[-1])
        table += kept(runs, lambda own=own, task=task: rows(made, own, task, steps[task]))
        lines = recorded.head("One model for all families, and one for each", command, runs)
        lines += ["", f"Steps of the joint run, seed {made.page.run.seed}: {told}."]
        recorded.write([*lines, *recorded.table(HEAD, table)], options.out)


if __name__ == "__main__":
    main()
