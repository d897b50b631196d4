"""What pretraining is worth: a started model beside the same one from scratch, untuned, and tuned in other ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from p5rec.commands import assemble, evaluate, pupils, start, train
from p5rec.commands.folders import choose
from p5rec.commands.made import Made, opened
from p5rec.commands.page import ModelEntry, Page
from p5rec.commands.weights import Trained
from p5rec.contracts import Setting
from p5rec.core.errors import MissingExtra
from p5rec.core.progress import say
from p5rec.evaluation.evaluate import Measured
from p5rec.evaluation.evaluate import evaluate as measure
from p5rec.evaluation.report import Report, write
from p5rec.evaluation.standard import HEADLINE
from p5rec.evaluation.tuned import SCRATCH, Cost, compared

FOLDER, PRETRAINED = "comparison", "pretrained"
TUNINGS = ("full", "frozen", "lowrank")


def run(folder: Path) -> Report:
    """Measure a trained run: writes ``report.html`` and ``report.json`` into its folder.

    Raises:
        InputError: the folder is not a finished run, or an honest comparison is not possible.
    """
    made, facts = opened(folder)
    found = added(made, folder, evaluate.report(made, str(facts["serves"])))
    write(folder, found)
    return found


def added(made: Made, out: Path, report: Report) -> Report:
    """The report with the comparison of the first model that starts from another; as it is where none does."""
    started = [
        entry for entry in made.page.models.values() if entry.start and entry.tasks and not pupils.teachers(entry)
    ]
    if not started or not made.page.run.evaluate.comparison:
        return report
    entry = started[0]
    if len(started) > 1:
        say(f"comparison: {entry.name} only; a run of its own compares each other model that starts from another")
    trained, notes = _trained(made, entry, out / FOLDER)
    measured = {name: _measured(made, one) for name, one in trained.items()}
    page = made.page.run
    costs = {name: _cost(one) for name, one in trained.items()}
    headlines = [name for name in HEADLINE if name in next(iter(measured.values())).values] or [report.headline]
    found = compared(measured, costs, headlines, notes, resamples=page.evaluate.bootstrap, seed=page.seed)
    say(found.sentence())
    return replace(report, comparison=found)


def variants(entry: ModelEntry, made_for: Setting) -> dict[str, ModelEntry]:
    """Name → the entry trained in another way; the page's own tuning is as the page says it."""
    model = assemble.model(entry, made_for)
    others = {name: start.opened_parts(model, name) for name in TUNINGS if name != "full"}
    tunings = {"full": choose("tuning", "full", "tuning"), **others, entry.tuning.name: entry.tuning}
    scratch = replace(entry, start=None, tuning=tunings["full"])
    untuned = replace(entry, tasks={}, tuning=tunings["full"])
    return {SCRATCH: scratch, PRETRAINED: untuned} | {
        name: replace(entry, tuning=tuning) for name, tuning in tunings.items()
    }


def _trained(made: Made, entry: ModelEntry, folder: Path) -> tuple[dict[str, Trained], dict[str, str]]:
    """All variants on the training rows, those in the folder opened; and why some are missing."""
    page, dataset = made.page, made.dataset
    made_for = assemble.setting(page, dataset)
    entry = start.opening(entry, made_for)
    found: dict[str, Trained] = {entry.tuning.name: made.chosen[entry.name]}
    notes: dict[str, str] = {}
    for name, variant in variants(entry, made_for).items():
        if name in found:
            continue
        say(f"comparison: {name}")
        try:
            found[name] = train.one(page, variant, dataset, folder / name, made.chosen)
        except MissingExtra as reason:
            notes[name] = str(reason)
    return found, notes


def _measured(made: Made, trained: Trained) -> Measured:
    """One variant on the test queries."""
    page, dataset = _alone(made.page), made.dataset
    metrics = evaluate.metrics_of(page, dataset)
    queries, truth = evaluate.held_out(page, dataset, "test")
    responder = evaluate.judged(page, dataset, {trained.name: trained}, {}, metrics)[trained.name]
    return measure(responder, queries, truth, metrics)


def _alone(page: Page) -> Page:
    return replace(page, responders={})


def _cost(trained: Trained) -> Cost:
    facts: Mapping[str, object] = trained.facts
    history = trained.facts.get("history") or {}
    return Cost(int(history.get("trainable", 0)), float(str(facts["seconds"])), float(str(facts["peak_mb"])))
