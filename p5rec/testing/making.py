"""Builds any plug in a small size, ready to be checked or taught."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, TypeVar, get_args, get_origin

import numpy as np
import torch

from p5rec.contracts import KINDS, Bound, Model, Responder, Setting, Solved, Task, Tower
from p5rec.core.config import Config, build
from p5rec.core.errors import InputError
from p5rec.core.plugins import Folder
from p5rec.data.dataset import Dataset
from p5rec.data.features import Features
from p5rec.towers.tower import build as build_tower

M = TypeVar("M", bound=torch.nn.Module)
FOLDERS = {kind: Folder(kind, package, base) for kind, (package, base) in KINDS.items()}
# What makes a plug small, by the names that settings of size go by; a plug takes those that it has.
SMALL: dict[str, Any] = {"width": 16, "blocks": 1, "heads": 2, "length": 12, "positions": 64, "dropout": 0.0}
# The same of modalities; of texts and of pictures no model at all.
LIGHT: dict[str, Any] = {"model": "hashed", "reader": "colours", "bands": 16, "parts": 4, "filters": 16}
SMALL |= LIGHT


def every(kind: str) -> list[tuple[str, type[Any]]]:
    """(name, class) of all plugs of a kind."""
    return [(name, FOLDERS[kind].load(name)) for name in FOLDERS[kind].names()]


def small(plug: type[Any], **settings: Any) -> Any:
    """The configuration of a plug in a small size, with further settings."""
    return build(plug.Config, {**taken(plug, SMALL), **settings}, plug.__name__)


def taken(plug: type[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some settings that a plug has, and has of that type."""
    fields = plug.Config.model_fields
    return {
        name: value for name, value in settings.items() if name in fields and fields[name].annotation is type(value)
    }


def edges(plug: type[Any]) -> Iterator[tuple[str, Any]]:
    """Small configurations with one setting at an edge of its range, or at another of its choices.

    Yields:
        What was set, e.g. ``"length=2"``, and the configuration.
    """
    for name, field in plug.Config.model_fields.items():
        values: list[Any] = list(get_args(field.annotation)) if get_origin(field.annotation) is Literal else []
        values += [
            limit for bound in field.metadata for limit in (getattr(bound, "ge", None), getattr(bound, "le", None))
        ]
        values += [not field.default] if field.annotation is bool else []
        for value in values:
            if value != field.default:
                try:
                    yield f"{name}={value}", small(plug, **{name: value})
                except InputError:
                    continue  # not together with the small size


def setting(
    dataset: Dataset, modalities: Sequence[str] = ("id",), fusion: str = "sum", users: Sequence[str] = ("id",)
) -> Setting:
    """What models are built for on a dataset, with towers of these modalities."""
    return Setting(
        items=dataset.known_items,
        users=dataset.known_users,
        item_tower=towers(dataset.known_items, modalities, fusion),
        user_tower=towers(dataset.known_users, users, fusion),
        words=dataset.words.size if dataset.words else 0,
        end=dataset.words.end if dataset.words else 0,
        kinds=dataset.kinds,
        target=dataset.target,
        seed=dataset.seed,
    )


def towers(features: Features, modalities: Sequence[str], fusion: str) -> Callable[..., Tower]:
    """A maker of towers of any width."""

    def make(width: int, words: torch.nn.Embedding | None = None) -> Tower:
        plugs = {name: FOLDERS["modality"].load(name) for name in modalities}
        views = {name: (plug, build(plug.Config, taken(plug, LIGHT), name)) for name, plug in plugs.items()}
        joint = FOLDERS["fusion"].load(fusion)
        return build_tower(features, width, views, (joint, joint.Config()), words)

    return make


def fresh(plug: type[Model], made_for: Setting, config: Config | None = None, seed: int = 0) -> Any:
    """An untrained small model, its first weights keyed by the seed."""
    with drawn(seed):
        return plug(config or small(plug), made_for)  # type: ignore[call-arg]


def fitted(plug: type[Model], dataset: Dataset, made_for: Setting, config: Config | None = None, seed: int = 0) -> Any:
    """A small model that has seen the data: bound and solved where it can be; its random weights are no zeros."""
    model = fresh(plug, made_for, config, seed)
    if isinstance(model, Bound):
        model.bind(dataset)
    if isinstance(model, Solved):
        model.solve(dataset)
    with drawn(seed + 1), torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.eval()
    if isinstance(model, Bound):
        with torch.no_grad():
            model.refresh()
    return model


def ranker(model: str, dataset: Dataset) -> Responder:
    """The ranking of a model, by name, that has seen the data."""
    made = fitted(FOLDERS["model"].load(model), dataset, setting(dataset))
    scorer = FOLDERS["responder"].load("scorer")
    found: Responder = scorer(scorer.Config(), {"model": made}, dataset)
    return found


def task(plug: type[Task], made_for: Setting, **settings: Any) -> Any:
    """A task in a small size."""
    with drawn(made_for.seed):
        return plug(small(plug, **settings), made_for)  # type: ignore[call-arg]


@contextmanager
def drawn(seed: int) -> Iterator[None]:
    """A block whose torch draws depend on the seed and change no others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def larger(features: Features, rows: int) -> Features:
    """Features with further rows, each a copy of the first: the same content, other numbers."""
    columns = {}
    for name, column in features.columns.items():
        columns[name] = replace(column, values=_repeated(column.values, rows))
    seen = None if features.seen is None else np.append(features.seen, [False] * rows)
    return replace(features, count=features.count + rows, columns=columns, seen=seen)


def _repeated(values: Any, rows: int) -> Any:
    order = [*range(len(values)), *([0] * rows)]
    return values.rows(order) if hasattr(values, "starts") else values[order]
