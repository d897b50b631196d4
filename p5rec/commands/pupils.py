"""What stands under a responder, and models that learn from its answers: who teaches whom, and what was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from p5rec.commands.folders import own_code
from p5rec.contracts import Dataset, Learned, Responder, Taught
from p5rec.core import artifact
from p5rec.core.errors import InputError, nearest
from p5rec.core.progress import measured, say


@dataclass(frozen=True)
class Lesson:
    """A teacher that is ready to be asked.

    Attributes:
        name, teacher: the responder.
        version: changes with every change of what it answers.
        folder: where the answers are kept, so that a killed run does not ask again.
    """

    name: str
    teacher: Responder
    version: str
    folder: Path

    def said(self, task: Taught, dataset: Dataset) -> dict[str, np.ndarray]:
        """What the teacher says to the questions of a task, mapped from disk."""
        if not (self.folder / artifact.MARKER).is_file():
            with measured() as cost:
                said = task.ask(dataset, self.teacher)
                with artifact.writing(self.folder, "lesson") as beside:
                    for name, values in said.items():
                        np.save(beside / f"{name}.npy", values)
                    artifact.mark(beside, "lesson", {"teacher": self.name, "version": self.version})
            count = len(next(iter(said.values())))
            say(f"{self.name}: answered {count:,} questions in {cost.seconds:.0f} s, to be learned from")
        return {path.stem: np.load(path, mmap_mode="r") for path in sorted(self.folder.glob("*.npy"))}


def teachers(entry: Any) -> list[str]:
    """The responders (or models) whose answers a model of a page learns from."""
    return sorted({chosen.config.teacher for chosen, _ in entry.tasks.values() if issubclass(chosen.plug, Taught)})


def waiting(models: Mapping[str, Any]) -> list[str]:
    """The models that learn from a teacher, and those that start from one of them, in the order of the page."""
    found: list[str] = []
    for name, entry in models.items():
        if entry and (teachers(entry) or _begins_with(entry) in found):
            found.append(name)
    return found


def _begins_with(entry: Any) -> str:
    """The model of the same page that a model starts from, "" where there is none."""
    return entry.start.model if entry.start and entry.start.run is None else ""


def under(page: Any, name: str) -> set[str]:
    """The models that a responder of a page is made of."""
    if name not in page.responders:
        return {name}
    return set().union(*(under(page, part) for part in page.responders[name].of))


def bases(page: Any, name: str) -> list[str]:
    """The models that a responder is made of, and those they start from, in the order of the page."""
    found = under(page, name)
    for entry in reversed(page.models.values()):
        if entry.name in found and (first := _begins_with(entry)):
            found.add(first)
    return [model for model in page.models if model in found]


def recipe(page: Any, name: str) -> Any:
    """How a responder is made, as JSON values: its kind and settings, and the recipes of its parts in their order."""
    if name not in page.responders:
        return name
    entry = page.responders[name]
    chosen, code = entry.responder, own_code(page.plugs, "responder")
    return [chosen.name, chosen.config.model_dump(mode="json"), code, [[one, recipe(page, one)] for one in entry.of]]


def faults(models: Mapping[str, Any], responders: Mapping[str, Any]) -> list[str]:
    """Teachers that are not there, are several, or learn from a teacher themselves; and second stages above pupils."""
    known = [*models, *responders]
    found = []
    for name, entry in models.items():
        names = teachers(entry) if entry else []
        where = f"model.{name}.task"
        if len(names) > 1:
            found.append(f"{where}: it has the teachers {', '.join(names)}; name one, made of both")
        for teacher in names:
            if teacher not in known:
                found.append(f"{where}: there is no responder or model {teacher!r}; {nearest(teacher, known)}")
            elif pupil := _pupil(models, responders, teacher):
                found.append(f"{where}: its teacher {teacher!r} is made of {pupil!r}, which has a teacher itself")
    for name, entry in responders.items():
        if entry and issubclass(entry.responder.plug, Learned) and (pupil := _pupil(models, responders, name)):
            found.append(
                f"responder.{name}: it learns on a fold which its parts have not seen, but the teacher of {pupil!r} "
                f"has; leave {pupil!r} out of it, or take 'blend'"
            )
    return found


def _pupil(models: Mapping[str, Any], responders: Mapping[str, Any], name: str) -> str:
    """A model with a teacher, or that starts from one with a teacher, that stands under a name; "" where none does."""
    if name in models:
        return name if name in waiting(models) else ""
    entry = responders.get(name)
    return next(filter(None, (_pupil(models, responders, part) for part in (entry.of if entry else ()))), "")


def missing(name: str, teacher: str) -> InputError:
    """All models under a teacher stepped aside."""
    return InputError(
        f"model.{name}.task: its teacher {teacher!r} has nothing to answer with, all under it stepped aside"
    )
