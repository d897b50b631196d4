"""Stage two: every model of a page on a dataset, each in a folder of its own; a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from p5rec.commands import assemble, estimate, start, weights
from p5rec.commands import evaluate as evaluating
from p5rec.commands.folders import own_code
from p5rec.commands.origin import Origin
from p5rec.commands.page import ModelEntry, Page
from p5rec.commands.weights import Trained
from p5rec.contracts import Bound, Estimates, Model, Setting, Solved, StepsAside
from p5rec.core import artifact
from p5rec.core import seed as seeds
from p5rec.core.errors import InputError
from p5rec.core.progress import measured, say
from p5rec.data.dataset import Dataset
from p5rec.evaluation.evaluate import evaluate
from p5rec.training.fit import balanced, fit
from p5rec.training.loggers import build as build_loggers

OWN = ("prompts", "model", "task", "modality", "fusion", "balance", "tuning", "metric")  # what shapes a trained model
WATCHED = 4096  # validation queries that early stopping looks at, a seeded sample


def run(
    page: Page,
    dataset: Dataset,
    folder: Path,
    names: Collection[str] | None = None,
    above: Mapping[str, Trained] | None = None,
) -> dict[str, Trained]:
    """Train models of a page into ``folder/NAME``; those already there are opened.

    Args:
        page: the page.
        dataset: of its training rows.
        folder: of all models.
        names: those to train; all by default.
        above: models that were trained before, from which these may start; they are given back, too.

    Raises:
        InputError: a start artifact is missing or does not fit.
    """
    made_for = assemble.setting(page, dataset)
    wanted = {name: entry for name, entry in page.models.items() if names is None or name in names}
    entries = {name: start.opening(entry, made_for) for name, entry in wanted.items()}
    awaited = [entry for name, entry in entries.items() if not _is_there(page, entry, dataset, folder / name)]
    estimate.training(page, dataset, awaited)
    found = dict(above or {})
    for name, entry in entries.items():
        found[name] = one(page, entry, dataset, folder / name, found)
    return found


def one(page: Page, entry: ModelEntry, dataset: Dataset, folder: Path, above: Mapping[str, Trained]) -> Trained:
    """Train one model into a folder, or open it where it is there already; it may start from one `above` it.

    Raises:
        InputError: a start artifact is missing or does not fit.
    """
    made_for = assemble.setting(page, dataset)
    if _is_there(page, entry, dataset, folder):
        say(f"{entry.name}: trained already")
        return assemble.opened(entry, made_for, folder)
    model, taken = start.begun(entry, made_for, dataset, above)
    if taken is not None:
        say(f"{entry.name}: starts from {entry.start}: {taken.sentence()}")
    return _one(page, entry, (model, taken), made_for, dataset, folder)


def _is_there(page: Page, entry: ModelEntry, dataset: Dataset, folder: Path) -> bool:
    return _made_by(folder) == _fingerprint(page, entry, dataset)


def _made_by(folder: Path) -> str | None:
    """What a trained model's folder was made from; None where it is not there, or was cut off."""
    try:
        found: str | None = artifact.read_marker(folder, "model").get("made_by")
        return found
    except InputError:
        return None


def _one(
    page: Page,
    entry: ModelEntry,
    begun: tuple[Model, start.Taken | None],
    made_for: Setting,
    dataset: Dataset,
    folder: Path,
) -> Trained:
    """Train one model and write its folder."""
    (model, taken), made_by = begun, _fingerprint(page, entry, dataset)
    with measured() as cost:
        history, note = _teach(page, entry, model, made_for, dataset, folder, made_by)
    facts = {
        "made_by": made_by,
        "seconds": round(cost.seconds, 3),
        "peak_mb": round(cost.peak_mb, 1),
        "parameters": sum(parameter.numel() for parameter in model.parameters()) or _numbers(model),
        "history": history,
        "note": note,
        **({"start": _ancestor(entry.start, taken)} if entry.start and taken else {}),
    }
    trained = Trained(entry.name, None if note else model.eval(), facts)
    weights.save(folder, trained)
    for stale in [*folder.parent.glob(f".{folder.name}.*.training"), *folder.parent.glob(f".{folder.name}.*.lesson")]:
        shutil.rmtree(stale, ignore_errors=True)
    say(f"{entry.name}: {note or f'fitted in {cost.seconds:.1f} s, peak {cost.peak_mb:,.0f} MB'}")
    return trained


def _teach(
    page: Page, entry: ModelEntry, model: Model, made_for: Setting, dataset: Dataset, folder: Path, made_by: str
) -> tuple[dict[str, Any], str]:
    """Solve or fit a model: the history of its training, and why it stepped aside ("" where it did not)."""
    if isinstance(model, Bound):
        model.bind(dataset)
    if isinstance(model, Solved):
        try:
            model.solve(dataset)
        except StepsAside as reason:
            return {}, str(reason)
    if not entry.tasks:
        return {}, ""
    tasks, task_weights, aside = assemble.tasks(entry, made_for, dataset)
    for name, why in aside.items():
        say(f"{entry.name}: the task {name} steps aside: {why}")
    history = fit(
        model,
        tasks,
        dataset,
        entry.train,
        weights=task_weights,
        balance=entry.balance.make(balanced(task_weights, entry.train.turns)),
        tuning=entry.tuning.make(),
        validate=_validator(page, entry, dataset),
        watch=entry.watch,
        folder=folder.with_name(f".{folder.name}.{made_by[:8]}.training"),
        seed=seeds.number(page.run.seed, "train", entry.name),
        loggers=build_loggers(page.run.loggers, folder.parent / "logs" / entry.name),
    )
    return asdict(history), ""


def _validator(page: Page, entry: ModelEntry, dataset: Dataset) -> Callable[[Model], float] | None:
    """The page's first metric on (a sample of) the validation queries, more is better; None without any."""
    queries, truth = dataset.held_out("valid")
    if dataset.refitted or not len(queries):
        return None
    if len(queries) > WATCHED:
        chosen = np.sort(seeds.rng(dataset.seed, "watched").choice(len(queries), WATCHED, replace=False))
        queries, truth = queries.rows(chosen), truth.rows(chosen)
    metrics = evaluating.metrics_of(page, dataset)
    name = evaluating.headline_of(metrics)
    watched = {name: metrics[name]}
    if evaluating.numbers(watched) and not issubclass(entry.model.plug, Estimates):
        return None
    sign = -1.0 if metrics[name].higher is False else 1.0

    def validate(model: Model) -> float:
        trained = {entry.name: Trained(entry.name, model, {})}
        responder = evaluating.judged(page, dataset, trained, {}, watched)[entry.name]
        return sign * evaluate(responder, queries, truth, watched).values[name]

    return validate


def _fingerprint(page: Page, entry: ModelEntry, dataset: Dataset) -> str:
    """What a trained model depends on: settings, towers, the metric that is watched, seed, data, own plugs' code."""
    towers: Mapping[str, Any] = {side: getattr(page.run, side).model_dump(mode="json") for side in ("items", "users")}
    chosen = [entry.model, entry.balance, entry.tuning, *(task for task, _ in entry.tasks.values())]
    settings = [[one.name, one.config.model_dump(mode="json")] for one in chosen]
    others = [entry.train.model_dump(mode="json"), [w for _, w in entry.tasks.values()]]
    watched = evaluating.headline_of(evaluating.metrics_of(page, dataset)) if entry.tasks else ""
    code = own_code(page.plugs, *OWN)
    text = [settings, others, towers, watched, code, page.run.seed, dataset.facts.get("fingerprint"), dataset.refitted]
    if entry.start is not None and entry.start.run is None:
        text.append([entry.start.model, _fingerprint(page, page.models[entry.start.model], dataset)])
    elif entry.start is not None:
        text.append([entry.start.version or str(entry.start.run), entry.start.model])
    if entry.lesson is not None:
        text.append(entry.lesson.version)
    return hashlib.sha256(json.dumps(text, sort_keys=True).encode()).hexdigest()


def _ancestor(origin: Origin, taken: start.Taken) -> dict[str, Any]:
    return {"run": str(origin.run or ""), "model": origin.model, "version": origin.version, "taken": asdict(taken)}


def _numbers(model: Model) -> int:
    """Numbers a solved model learned: those in its buffers."""
    return sum(buffer.numel() for buffer in model.buffers())
