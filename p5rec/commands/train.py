"""Stage two: every model of a page on a dataset, each in a folder of its own; a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from p5rec.commands import assemble, weights
from p5rec.commands.folders import choose
from p5rec.commands.page import ModelEntry, Page
from p5rec.commands.weights import Trained
from p5rec.contracts import Bound, Model, Setting, Solved, StepsAside
from p5rec.core import artifact
from p5rec.core import seed as seeds
from p5rec.core.errors import InputError
from p5rec.core.progress import measured, say
from p5rec.data.dataset import Dataset
from p5rec.evaluation.evaluate import evaluate
from p5rec.training.fit import fit
from p5rec.training.loggers import build as build_loggers

WATCHED = 4096  # validation queries that early stopping looks at, a seeded sample


def run(page: Page, dataset: Dataset, folder: Path) -> dict[str, Trained]:
    """Train all models of a page into ``folder/NAME``; those already there are opened.

    Raises:
        InputError: a start artifact is missing or does not fit.
    """
    made_for = assemble.setting(page, dataset)
    trained = {}
    for name, entry in page.models.items():
        trained[name] = _one(page, entry, made_for, dataset, folder / name)
    return trained


def load(page: Page, dataset: Dataset, folder: Path) -> dict[str, Trained]:
    """Open all trained models of a page."""
    made_for = assemble.setting(page, dataset)
    return {name: _open(entry, made_for, folder / name) for name, entry in page.models.items()}


def _one(page: Page, entry: ModelEntry, made_for: Setting, dataset: Dataset, folder: Path) -> Trained:
    """Train one model, or open it where its folder holds just that."""
    made_by = _fingerprint(page, entry, dataset)
    try:
        if artifact.read_marker(folder, "model").get("made_by") == made_by:
            say(f"{entry.name}: trained already")
            return _open(entry, made_for, folder)
    except InputError:
        pass  # not there, or cut off: train it
    model = assemble.model(entry, made_for)
    with measured() as cost:
        history, note = _teach(page, entry, model, made_for, dataset, folder)
    facts = {
        "made_by": made_by,
        "seconds": round(cost.seconds, 3),
        "peak_mb": round(cost.peak_mb, 1),
        "parameters": sum(parameter.numel() for parameter in model.parameters()) or _numbers(model),
        "history": history,
        "note": note,
    }
    trained = Trained(entry.name, None if note else model.eval(), facts)
    weights.save(folder, trained)
    say(f"{entry.name}: {note or f'fitted in {cost.seconds:.1f} s, peak {cost.peak_mb:,.0f} MB'}")
    return trained


def _teach(
    page: Page, entry: ModelEntry, model: Model, made_for: Setting, dataset: Dataset, folder: Path
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
    tasks, task_weights = assemble.tasks(entry, made_for)
    history = fit(
        model,
        tasks,
        dataset,
        entry.train,
        weights=task_weights,
        balance=entry.balance.make(task_weights),
        tuning=entry.tuning.make(),
        validate=None if dataset.refitted else _validator(dataset),
        folder=folder.with_name(f".{folder.name}.training"),
        seed=seeds.number(page.run.seed, "train", entry.name),
        loggers=build_loggers(page.run.loggers, folder.parent / "logs" / entry.name),
    )
    return asdict(history), ""


def _validator(dataset: Dataset) -> Callable[[Model], float] | None:
    """NDCG@10 on (a sample of) the validation queries; None where the split has none."""
    queries, truth = dataset.held_out("valid")
    if not len(queries):
        return None
    if len(queries) > WATCHED:
        chosen = np.sort(seeds.rng(dataset.seed, "watched").choice(len(queries), WATCHED, replace=False))
        queries, truth = queries.rows(chosen), truth.rows(chosen)
    metric = choose("metric", {"name": "ndcg", "k": 10}, "train").make(dataset)

    def validate(model: Model) -> float:
        ranker = assemble.unseen(assemble.scorer(model, dataset), dataset)
        return evaluate(ranker, queries, truth, {"ndcg@10": metric}).values["ndcg@10"]

    return validate


def _open(entry: ModelEntry, made_for: Setting, folder: Path) -> Trained:
    facts = artifact.read_marker(folder, "model")
    if facts["note"]:
        return Trained(entry.name, None, facts)
    return Trained(entry.name, weights.load_into(folder, assemble.model(entry, made_for)), facts)


def _fingerprint(page: Page, entry: ModelEntry, dataset: Dataset) -> str:
    """What a trained model depends on: its settings, towers, seed and data."""
    towers: Mapping[str, Any] = {side: getattr(page.run, side).model_dump(mode="json") for side in ("items", "users")}
    chosen = [entry.model, entry.balance, entry.tuning, *(task for task, _ in entry.tasks.values())]
    settings = [[one.name, one.config.model_dump(mode="json")] for one in chosen]
    others = [entry.train.model_dump(mode="json"), [w for _, w in entry.tasks.values()]]
    text = [settings, others, towers, page.run.seed, dataset.facts.get("fingerprint"), dataset.refitted]
    return hashlib.sha256(json.dumps(text, sort_keys=True).encode()).hexdigest()


def _numbers(model: Model) -> int:
    """Numbers a solved model learned: those in its buffers."""
    return sum(buffer.numel() for buffer in model.buffers())
