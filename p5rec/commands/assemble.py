"""Builds finished objects out of a page and a dataset: settings, models, responder chains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from p5rec.commands import indexing, weights
from p5rec.commands.folders import choose
from p5rec.commands.page import ModelEntry, Page
from p5rec.commands.weights import Trained
from p5rec.contracts import (
    Estimates,
    Factored,
    Fitted,
    Grows,
    Learned,
    Model,
    Queries,
    Responder,
    Setting,
    StepsAside,
    Task,
    Taught,
)
from p5rec.core import artifact
from p5rec.core import seed as seeds
from p5rec.core.errors import InputError
from p5rec.data.dataset import Dataset
from p5rec.data.edges import WithEvents
from p5rec.data.features import Features
from p5rec.data.index import Indexed
from p5rec.towers.tower import build as build_tower


def setting(page: Page, dataset: Dataset) -> Setting:
    """What models are built for: this data, and towers as the page wants them."""

    def maker(side: str, features: Features) -> Any:
        views = {view.name: (view.plug, view.config) for view in page.modalities[side]}
        fusion = page.fusion[side]
        return lambda width, words=None: build_tower(features, width, views, (fusion.plug, fusion.config), words)

    return Setting(
        items=dataset.known_items,
        users=dataset.known_users,
        item_tower=maker("items", dataset.known_items),
        user_tower=maker("users", dataset.known_users),
        words=dataset.words.size if dataset.words else 0,
        end=dataset.words.end if dataset.words else 0,
        kinds=dataset.kinds,
        target=dataset.target,
        seed=dataset.seed,
    )


def aside(page: Page, dataset: Dataset) -> list[str]:
    """The modalities that a page names and that find nothing to read in the data, a sentence each."""
    found = []
    for side, section, features, columns in (
        ("items", page.run.items, dataset.item_features, dataset.schema.items),
        ("users", page.run.users, dataset.user_features, dataset.schema.users),
    ):
        known = replace(features, columns=WithEvents(features.columns, _none, 0), words=dataset.words)
        named = page.modalities[side] if "modalities" in section.model_fields_set else ()
        told = ", ".join(f"{name}: {column.kind}" for name, column in columns.items()) or "none"
        found += [
            f"{side}.modalities: {view.name} steps aside: it reads none of the columns of the {side} ({told})"
            for view in named
            if view.plug.needs_columns and not view.plug.columns(known)
        ]
    return found


def _none() -> np.ndarray:
    """No events: to know which columns there are, none need be gathered."""
    return np.zeros((2, 0), dtype=np.int64)


def model(entry: ModelEntry, made_for: Setting) -> Model:
    """An untrained model; its first weights depend on the seed and its name only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.number(made_for.seed, "weights", entry.name))
        built: Model = entry.model.make(made_for)
        return built


def load(page: Page, dataset: Dataset, folder: Path) -> dict[str, Trained]:
    """Open all trained models of a page."""
    made_for = setting(page, dataset)
    return {name: opened(entry, made_for, folder / name) for name, entry in page.models.items()}


def opened(entry: ModelEntry, made_for: Setting, folder: Path) -> Trained:
    """Open one trained model."""
    facts = artifact.read_marker(folder, "model")
    if facts["note"]:
        return Trained(entry.name, None, facts)
    return Trained(entry.name, weights.load_into(folder, model(_here(entry, folder), made_for)), facts)


def _here(entry: ModelEntry, folder: Path) -> ModelEntry:
    """The entry, whose settings that name files elsewhere name what the artifact keeps of them."""
    settings = type(entry.model.config).model_fields
    kept = {name: str(path) for name in settings if (path := folder / f"{name}.json").is_file()}
    return replace(entry, model=replace(entry.model, config=entry.model.config.model_copy(update=kept)))


def tasks(
    entry: ModelEntry, made_for: Setting, dataset: Dataset
) -> tuple[dict[str, Task], dict[str, float], dict[str, str]]:
    """The tasks of a model that this data can teach, their weights, and why the others step aside.

    Raises:
        InputError: it can teach none.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.number(made_for.seed, "tasks", entry.name))
        built = {name: chosen.make(made_for) for name, (chosen, _) in entry.tasks.items()}
    aside: dict[str, str] = {}
    for name, task in built.items():
        try:
            task.steps(dataset)
        except StepsAside as reason:
            aside[name] = str(reason)
    if len(aside) == len(built):
        raise InputError([f"model.{entry.name}.task.{name}: {why}; name another task" for name, why in aside.items()])
    kept = {name: task for name, task in built.items() if name not in aside}
    for task in kept.values():
        if isinstance(task, Taught) and entry.lesson is not None:
            task.hear(dataset, entry.lesson.said(task, dataset))
    return kept, {name: weight for name, (_, weight) in entry.tasks.items() if name in kept}, aside


def responders(
    page: Page,
    dataset: Dataset,
    models: Mapping[str, Model],
    learned: Mapping[str, Mapping[str, Any]] | None = None,
    before: Dataset | None = None,
) -> dict[str, Responder]:
    """All responders of a page over finished models, by name; each scores what its user has seen, too.

    Args:
        page: the page.
        dataset: training data.
        models: finished models by name; those that stepped aside are missing, and a responder does without them.
        learned: weights of fitted responders, by name.
        before: what models that cannot grow still know, where items have joined since.
    """
    made = {name: _ranker(model, dataset, before or dataset) for name, model in models.items()}
    for name, entry in page.responders.items():
        inner = {part: made[part] for part in entry.of if part in made}
        if not inner and entry.of:
            continue
        responder = made[name] = entry.responder.make(inner, dataset)
        if isinstance(responder, Indexed):
            responder.index = indexing.index_of(name, entry.responder.config)
        _restore(responder, name, learned or {})
    return made


def _restore(responder: Responder, name: str, learned: Mapping[str, Mapping[str, Any]]) -> None:
    """Give a responder what it learned.

    Raises:
        InputError: it cannot read it.
    """
    texts: Mapping[str, str] = getattr(learned, "texts", {})
    try:
        if isinstance(responder, Learned) and name in texts:
            responder.text = texts[name]
        if isinstance(responder, Fitted) and name in learned:
            responder.restore(learned[name])
    except Exception as error:  # a plug's own readers may raise anything
        raise InputError(
            f"responder.{name}: what it learned is damaged ({error!r}); run the page again into the folder of the run"
        ) from None


def _ranker(model: Model, dataset: Dataset, before: Dataset) -> Responder:
    """The ranking of one model; one that cannot grow answers without the items that joined since."""
    if isinstance(model, Grows) or before.n_items == dataset.n_items:
        return scorer(model, dataset)
    chosen = choose("responder", {"name": "unaware", "known": before.n_items}, "responder.unaware")
    made: Responder = chosen.make({"model": scorer(model, before)}, dataset)
    return made


def scorer(model: Model, dataset: Dataset) -> Responder:
    """The ranking of one model."""
    return _plug("scorer", {"model": model}, dataset)


def answerer(model: Model, ranker: Responder, dataset: Dataset) -> Any:
    """What answers prompts of all kinds with one model; items by a ranking of it."""
    return _plug("answerer", {"model": model, "ranker": ranker}, dataset)


def unseen(responder: Responder | None, dataset: Dataset) -> Any:
    """The same answers without what the user has seen, where the data says that people do not repeat."""
    return _plug("unseen", {"responder": responder}, dataset)


def served(page: Page, dataset: Dataset, bare: Mapping[str, Responder], name: str) -> Responder:
    """A responder as it is served: with the page's fallback, rules around both, and without seen items."""
    return unseen(_with_fallback(page, dataset, bare, name), dataset)


def _with_fallback(page: Page, dataset: Dataset, bare: Mapping[str, Responder], name: str) -> Responder:
    entry, then = page.responders.get(name), page.run.serve.fallback
    if entry is not None and entry.responder.plug.outside:
        inner = {part: _with_fallback(page, dataset, bare, part) for part in entry.of if part in bare}
        made: Responder = entry.responder.make(inner, dataset)
        return made
    return bare[name] if then in (None, name) or then not in bare else fallback(bare[name], bare[then], dataset)


def fallback(first: Responder, then: Responder, dataset: Dataset) -> Responder:
    """`first`, and `then` where it has nothing to answer."""
    return _plug("fallback", {"first": first, "then": then}, dataset)


def _plug(name: str, inner: Mapping[str, Any], dataset: Dataset) -> Responder:
    made: Responder = choose("responder", name, f"responder.{name}").make(inner, dataset)
    return made


def estimators(models: Mapping[str, Model], dataset: Dataset) -> dict[str, Responder]:
    """What estimates numbers: the models that have the power."""
    able = {name: model for name, model in models.items() if isinstance(model, Estimates)}
    return {name: _plug("estimator", {"model": model}, dataset) for name, model in able.items()}


def as_asked(queries: Queries, dataset: Dataset) -> Queries:
    """Queries as a served responder sees them: without seen items where people do not repeat."""
    return queries.excluding(queries.history) if unseen(None, dataset).excludes else queries


def vectors(model: Factored) -> np.ndarray:
    """(V, D) float32 item vectors."""
    with torch.inference_mode():
        return model.eval().catalogue().float().numpy(force=True)
