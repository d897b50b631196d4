"""Builds finished objects out of a page and a dataset: settings, models, responder chains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from p5rec.commands.folders import choose
from p5rec.commands.page import ModelEntry, Page
from p5rec.contracts import Fitted, Model, Responder, Setting, Task
from p5rec.core import seed as seeds
from p5rec.data.dataset import Dataset
from p5rec.data.features import Features
from p5rec.towers.tower import build as build_tower


def setting(page: Page, dataset: Dataset) -> Setting:
    """What models are built for: this data, and towers as the page wants them."""

    def maker(side: str, features: Features) -> Any:
        views = {view.name: (view.plug, view.config) for view in page.modalities[side]}
        fusion = page.fusion[side]
        return lambda width: build_tower(features, width, views, (fusion.plug, fusion.config))

    return Setting(
        items=dataset.item_features,
        users=dataset.user_features,
        item_tower=maker("items", dataset.item_features),
        user_tower=maker("users", dataset.user_features),
        kinds=dataset.kinds,
        target=dataset.target,
        seed=dataset.seed,
    )


def model(entry: ModelEntry, made_for: Setting) -> Model:
    """An untrained model; its first weights depend on the seed and its name only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.number(made_for.seed, "weights", entry.name))
        built: Model = entry.model.make(made_for)
        return built


def tasks(entry: ModelEntry, made_for: Setting) -> tuple[dict[str, Task], dict[str, float]]:
    """The tasks of a model and their weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.number(made_for.seed, "tasks", entry.name))
        built = {name: chosen.make(made_for) for name, (chosen, _) in entry.tasks.items()}
    return built, {name: weight for name, (_, weight) in entry.tasks.items()}


def responders(
    page: Page,
    dataset: Dataset,
    models: Mapping[str, Model],
    learned: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[dict[str, Responder], dict[str, Responder]]:
    """All rankers of a page over finished models.

    Args:
        page: the page.
        dataset: training data; its repeat rate decides whether seen items are left out.
        models: finished models by name; those that stepped aside are missing.
        learned: weights of fitted responders, by name.

    Returns:
        Rankers by name, each leaving out what its user has seen; and the same ones bare, as blends are fitted.
    """
    bare = {name: scorer(model, dataset) for name, model in models.items()}
    for name, entry in page.responders.items():
        inner = {part: bare[part] for part in entry.of if part in bare}
        if not inner and entry.of:
            continue
        bare[name] = entry.responder.make(inner, dataset)
        weights = (learned or {}).get(name)
        if weights is not None and isinstance(bare[name], Fitted):
            bare[name].restore(weights)  # type: ignore[attr-defined]
    return {name: unseen(responder, dataset) for name, responder in bare.items()}, bare


def scorer(model: Model, dataset: Dataset) -> Responder:
    """The ranking of one model."""
    return _plug("scorer", {"model": model}, dataset)


def unseen(responder: Responder, dataset: Dataset) -> Responder:
    """The same answers without what the user has seen, where the data says that people do not repeat."""
    return _plug("unseen", {"responder": responder}, dataset)


def fallback(first: Responder, then: Responder, dataset: Dataset) -> Responder:
    """`first`, and `then` where it has nothing to answer."""
    return _plug("fallback", {"first": first, "then": then}, dataset)


def _plug(name: str, inner: Mapping[str, Any], dataset: Dataset) -> Responder:
    made: Responder = choose("responder", name, f"responder.{name}").make(inner, dataset)
    return made
