"""The models and responders of a run, in the order in which they wait for each other.

First the models that wait for nobody; then the responders above them: a second stage learns over first stages that were
fitted without each user's last training event (a fold), and validation chooses the few weights of all; then pupils,
models that learn from the answers of a responder; then what stands above pupils. A killed run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from p5rec.commands import assemble, pupils
from p5rec.commands import train as training
from p5rec.commands.made import CHOSEN, MODELS, STAGES, Lore, Made, finished
from p5rec.commands.page import ModelEntry, Page
from p5rec.commands.weights import Trained
from p5rec.contracts import Fitted, Learned, Responder
from p5rec.core import artifact
from p5rec.core.progress import measured, say
from p5rec.data.dataset import Dataset

Models = dict[str, Trained]


def run(page: Page, dataset: Dataset, out: Path) -> Made:
    """Train, choose and, where the page wants it, refit all that a page names.

    Raises:
        InputError: a start artifact is missing or does not fit.
    """
    refit = page.run.evaluate.fitted_on == "train+valid"
    _take_up(out, refit)
    lore, seconds = Lore(), dict[str, float]()
    waiting = pupils.waiting(page.models)
    late = [name for name in page.responders if pupils.under(page, name) & set(waiting)]

    def choose(chosen: Models, names: Iterable[str]) -> None:
        _choose(page, dataset, chosen, names, out / STAGES, lore, seconds)

    def early(chosen: Models) -> None:
        choose(chosen, [name for name in page.responders if name not in late])

    chosen = _trained(page, dataset, out / (CHOSEN if refit else MODELS), waiting, lore, early)
    choose(chosen, late)
    if not refit:
        return Made(page, dataset, chosen, chosen, lore, seconds)
    final = _trained(as_chosen(page, chosen), dataset.merged(), out / MODELS, waiting, lore, lambda trained: None)
    return Made(page, dataset, chosen, final, lore, seconds)


def _take_up(out: Path, refit: bool) -> None:
    """Models fitted on training rows lie elsewhere in a refitted run: hand over those of an earlier one to this."""
    if refit and (out / MODELS).is_dir() and not (out / CHOSEN).exists():
        (out / MODELS).rename(out / CHOSEN)
    elif not refit and (out / CHOSEN).is_dir():
        shutil.rmtree(out / MODELS, ignore_errors=True)
        (out / CHOSEN).rename(out / MODELS)


def _trained(
    page: Page, dataset: Dataset, folder: Path, waiting: list[str], lore: Lore, then: Callable[[Models], None]
) -> Models:
    """All models: those that wait for nobody, and, when `then` has fitted the responders above them, their pupils."""
    found = training.run(page, dataset, folder, [name for name in page.models if name not in waiting])
    then(found)
    if not waiting:
        return found
    made = assemble.responders(page, dataset, finished(found), lore)
    learners = [page.models[name] for name in waiting if pupils.teachers(page.models[name])]
    taught = {entry.name: _taught(page, entry, made, found, lore, folder) for entry in learners}
    page = replace(page, models={**page.models, **taught})
    found = training.run(page, dataset, folder, waiting, found)
    return {name: found[name] for name in page.models}


def _taught(
    page: Page, entry: ModelEntry, made: Mapping[str, Responder], trained: Models, lore: Lore, folder: Path
) -> ModelEntry:
    """The entry of a pupil with its teacher."""
    (name,) = pupils.teachers(entry)
    if name not in made:
        raise pupils.missing(entry.name, name)
    asked = [[one.name, one.config.model_dump(mode="json")] for one, _ in entry.tasks.values()]
    version = _hash([asked, pupils.recipe(page, name), _ways(trained), lore.told()])
    return replace(entry, lesson=pupils.Lesson(name, made[name], version, folder / f".{entry.name}.{version}.lesson"))


def _choose(
    page: Page,
    dataset: Dataset,
    trained: Models,
    names: Iterable[str],
    folder: Path,
    lore: Lore,
    seconds: dict[str, float],
) -> None:
    """Teach second stages on a fold, and choose the few weights of responders on validation rows."""
    queries, truth = dataset.held_out("valid")
    made = assemble.responders(page, dataset, finished(trained), lore)
    for name in names:
        responder = made.get(name)
        if not isinstance(responder, Fitted):
            continue
        with measured() as cost:
            if isinstance(responder, Learned):
                responder.text = lore.texts[name] = _learned(page, dataset, trained, name, folder, lore)
            if not len(queries):
                say(f"{name}: the split holds no validation rows to choose its weights by; all stay as they began")
            else:
                responder.fit(assemble.as_asked(queries, dataset), truth)
        if len(queries) or isinstance(responder, Learned):
            lore[name], seconds[name] = responder.learned(), round(cost.seconds, 3)
            say(f"{name}: {json.dumps(lore[name])}")


def _learned(page: Page, dataset: Dataset, trained: Models, name: str, folder: Path, lore: Lore) -> str:
    """What a second stage learns of each user's last training event, over first stages that have not seen it."""
    folded = dataset.folded()
    queries, truth = folded.held_out("valid")
    if not len(queries):
        say(f"{name}: no user has two training events, so it learns nothing, and its first stages answer")
        return ""
    parts = [part for part in pupils.bases(page, name) if trained[part].model is not None]
    first = training.run(as_chosen(page, trained), folded, folder / MODELS, parts)
    version = _hash([pupils.recipe(page, name), _ways(first), lore.told()])
    path = folder / f"{name}.{version}.txt"
    if not path.is_file():
        responder = assemble.responders(page, folded, finished(first), lore)[name]
        assert isinstance(responder, Learned)
        responder.learn(assemble.as_asked(queries, folded), truth)
        for stale in folder.glob(f"{name}.*.txt"):
            stale.unlink()
        artifact.write_file(path, responder.text)
    return path.read_text(encoding="utf-8")


def as_chosen(page: Page, chosen: Mapping[str, Trained]) -> Page:
    """The page with each model trained for as many passes as validation chose, and no longer watched."""

    def fixed(entry: ModelEntry) -> ModelEntry:
        history = chosen[entry.name].facts.get("history") or {} if entry.name in chosen else {}
        passes = max(round(history.get("best_epoch", 0)), 1)
        return replace(entry, train=entry.train.model_copy(update={"epochs": passes})) if history else entry

    return replace(page, models={name: fixed(entry) for name, entry in page.models.items()})


def _ways(trained: Models) -> dict[str, Any]:
    return {name: one.facts["made_by"] for name, one in trained.items()}


def _hash(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
