"""Which model of a run understands words, and in which wordings it was trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from p5rec.commands.assemble import scorer, unseen
from p5rec.commands.folders import choose
from p5rec.commands.page import Page
from p5rec.contracts import Dataset, Model, Prompted
from p5rec.data import template as templates
from p5rec.data.knowledge import Knowledge
from p5rec.data.live import Parts
from p5rec.data.template import Template
from p5rec.serving.engine import Answering, Speaker

TOLD = {"user", "history", "item", "sentence"}  # what a live explanation can fill
PATIENCE = 5.0  # seconds a text may take, since recommendations wait for it


def speaker(page: Page, dataset: Dataset, models: Mapping[str, Model], serves: str) -> Speaker:
    """What of a run understands words.

    Args:
        page: of the run.
        dataset: training data.
        models: finished models by name.
        serves: name of the serving model or responder; a model that serves is preferred.
    """
    name = next(_speaking(page, dataset, models, serves), None)
    if name is None:
        return Speaker()
    model = models[name]
    ranker = unseen(scorer(model, dataset), dataset)
    made = choose("responder", {"name": "answerer", "seconds": PATIENCE}, "answerer").make(
        {"model": model, "ranker": ranker}, dataset
    )
    wordings = list(_wordings(page, dataset, name))
    return Speaker(
        answers=cast(Answering, made),
        explaining=_explanation(wordings, TOLD),
        featured=_explanation([one for one in wordings if "feature" in one.names], TOLD | {"feature"}),
        steered=_reads(page, dataset, models, serves),
    )


def _speaking(page: Page, dataset: Dataset, models: Mapping[str, Model], serves: str) -> Iterator[str]:
    """Models that were trained on prompts, the serving one first."""
    for name in sorted(models, key=lambda name: name != serves):
        if isinstance(models[name], Prompted) and dataset.words is not None and any(_wordings(page, dataset, name)):
            yield name


def _wordings(page: Page, dataset: Dataset, name: str) -> Iterator[Template]:
    """All wordings that a model was trained on, or the one it started from was: those that the data can fill."""
    known, entry = Knowledge(dataset), page.models[name]
    own: list[Any] = [getattr(chosen.config, "family", None) for chosen, _ in entry.tasks.values()]
    there, before = templates.families(), entry.start.families if entry.start else ()
    for family in dict.fromkeys([*own, *before]):
        for one in templates.family(family) if family in there else ():
            if not one.held_out and all(known.able(hole) for hole in one.names):
                yield one


def _explanation(wordings: list[Template], names: set[str]) -> Parts | None:
    """The first wording that asks for a sentence and names nothing else than `names`."""
    able = (one for one in wordings if one.answer == "sentence" and one.names <= names)
    return next((one.parts for one in able), None)


def _reads(page: Page, dataset: Dataset, models: Mapping[str, Model], name: str) -> bool:
    """Whether a model that was trained on words which steer is part of what serves."""
    if name in page.responders:
        return any(_reads(page, dataset, models, part) for part in page.responders[name].of)
    if not isinstance(models.get(name), Prompted):
        return False
    steering = ({"history", kind} for kind in ("category", "absent", "alike", "older"))
    wordings = list(_wordings(page, dataset, name))
    return any(names <= one.names and one.answer == "item" for names in steering for one in wordings)
