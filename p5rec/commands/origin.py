"""Where a model of a page starts from: the artifact that ``from`` names, and the settings it was built with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p5rec.commands.folders import choose
from p5rec.core import artifact
from p5rec.core.config import read_toml
from p5rec.core.errors import InputError, nearest
from p5rec.core.hub import located
from p5rec.core.progress import say

PAGE, MODELS, FROM, PROMPT = "page.toml", "models", "from", "prompt"
OTHERS = ("task", "train", "balance", FROM)  # of a model's table; the rest builds the model


@dataclass(frozen=True)
class Origin:
    """A trained model of another run, or one that stands above in the same page.

    Attributes:
        run: the folder of that run; None: the same page.
        model: the name of the model in its page.
        version: of the artifact; "" where a page was read without looking at it.
        families: of prompts that it learned, or had learned when it started itself.
    """

    run: Path | None
    model: str
    version: str = ""
    families: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.model if self.run is None else str(self.run)


def stated(value: Any, name: str, where: str) -> Origin | None:
    """What a page says of ``from``: a folder, or a table as `completed` writes it.

    Raises:
        InputError: it is neither.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return Origin(Path(value), name)
    try:
        families = tuple(value.get("families", ()))
        if "run" not in value:
            return Origin(None, value["model"], families=families)
        return Origin(Path(value["run"]), value["model"], value["version"], families)
    except (TypeError, KeyError, AttributeError):
        raise InputError(f'{where}.from: found {value!r}, expected the folder of a run, "RUN" or "RUN/MODEL"') from None


def completed(values: Mapping[str, Any]) -> dict[str, Any]:
    """A page whose models with ``from`` have the settings that the model there was built with, unless it says others.

    The model is one that stands above in the page, or else one of the run in that folder.

    Raises:
        InputError: there is no such run or model.
    """
    out, faults = dict(values), list[str]()
    above: list[str] = []
    for name, entry in (values.get("model") or {}).items():
        if isinstance(entry, Mapping) and isinstance(entry.get(FROM), str):
            try:
                complete = _beside if entry[FROM] in above else _completed
                out = complete(out, name, dict(entry))
            except InputError as fault:
                faults += fault.faults
        above.append(name)
    if faults:
        raise InputError(faults)
    return out


def _beside(values: dict[str, Any], name: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The model starts from one above it, and is made as that one is."""
    first = entry[FROM]
    old = {key: value for key, value in values["model"][first].items() if key not in OTHERS}
    made = {"kind": first, **old, **entry, FROM: {"model": first, "families": _families(values["model"][first])}}
    return {**values, "model": {**values["model"], name: made}}


def _completed(values: dict[str, Any], name: str, entry: dict[str, Any]) -> dict[str, Any]:
    where = f"model.{name}"
    run, wanted = _folder(Path(entry[FROM]), where)
    facts, page = artifact.read_marker(run, "recommender"), read_toml(run / PAGE)
    model = _model(page, wanted, name, entry.get("kind", name), where)
    old = {
        key: _at_hand(value, run / MODELS / model / f"{key}.json")
        for key, value in page["model"][model].items()
        if key not in OTHERS
    }
    old.setdefault("kind", model)
    _tell(where, old, entry, run)
    families = _families(page["model"][model])
    entry[FROM] = {"run": str(run.resolve()), "model": model, "version": str(facts["version"]), "families": families}
    sides = {side: page[side] for side in ("items", "users") if side in page}
    for side, section in sides.items():
        _tell(side, section, values.get(side, {}), run)
    towers: dict[str, Any] = {side: {**section, **values.get(side, {})} for side, section in sides.items()}
    return {**values, **towers, "model": {**values["model"], name: {**old, **entry}}}


def _families(entry: Mapping[str, Any]) -> list[str]:
    """The families of prompts that a model learned, and those that the one it started from had learned."""
    usual = choose("task", PROMPT, "task").config.model_dump()["family"]
    tasks = [{"kind": name, **settings} for name, settings in entry.get("task", {}).items()]
    own = [task.get("family", usual) for task in tasks if task["kind"] == PROMPT]
    start = entry.get(FROM)
    return list(dict.fromkeys([*own, *(start.get("families", ()) if isinstance(start, Mapping) else ())]))


def _at_hand(value: Any, kept: Path) -> Any:
    """A setting, or, where what it names is gone, the file that the run keeps in its place."""
    try:
        if kept.is_file():
            located(str(value))
        return value
    except InputError:
        return str(kept.resolve())


def _folder(path: Path, where: str) -> tuple[Path, str | None]:
    """The folder of a run, and the model that is named behind it."""
    for run, model in ((path, None), (path.parent, path.name)):
        if (run / artifact.MARKER).is_file() and (run / PAGE).is_file():
            return run, model
    raise InputError(
        f"{where}.from: {path} is no finished run, and no model of one; train it first, or name its folder"
    )


def _model(page: Mapping[str, Any], wanted: str | None, name: str, kind: str, where: str) -> str:
    """The model that is named, the one of the same name, or the only one of the same kind."""
    models = page.get("model", {})
    alike = [one for one, entry in models.items() if entry.get("kind", one) == kind]
    found = wanted or (name if name in models else alike[0] if len(alike) == 1 else None)
    if found in models:
        return str(found)
    raise InputError(f"{where}.from: the run there has no model {found or name!r}; {nearest(found or name, models)}")


def _tell(where: str, old: Mapping[str, Any], new: Mapping[str, Any], run: Path) -> None:
    """Settings in which a page disagrees with what the model was built with."""
    for key in sorted(old.keys() & new.keys() - set(OTHERS)):
        if old[key] != new[key]:
            say(
                f"{where}.{key}: {run} was made with {old[key]!r}, this page says {new[key]!r}; what fits is taken over"
            )
