"""The ``[tune]`` section of a page: what is searched, between which ends, and how long."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, model_validator

from p5rec.commands import page as pages
from p5rec.commands.page import Page
from p5rec.core.config import Config, build, put
from p5rec.core.errors import InputError, nearest
from p5rec.evaluation.standard import HEADLINE, names

MOST = 20  # scalars that validation may choose in a run
ROOTS = ("model", "responder", "items", "users", "data.features")  # what does not change what is measured
NEAR = 1e-9  # part of a step by which decimal numbers miss it
MARKS = {"low", "high", "choices"}  # keys by which a range is told from a table on the way to one


class Pruned(Exception):
    """A trial is not worth going on with."""


class TuneSection(Config):
    """How a search goes; every other key of the section is a setting of the page and its range."""

    trials: int = Field(20, ge=1, description="trials in all, those of earlier calls included")
    seconds: float | None = Field(None, gt=0, description="begin no further trial after so many seconds of this call")
    of: str | None = Field(None, description="model or responder that is judged; what serves, or the only model")
    metric: str | None = Field(None, description="metric of the page, on validation rows; NDCG@10 or the first")
    prune: bool = Field(True, description="end trials early whose validation curve is below the median of the others")
    startup: int = Field(8, ge=1, description="trials drawn at random before the sampler learns and any is pruned")
    warmup: int = Field(2, ge=0, description="validations of a trial before it may be pruned")


class Range(Config):
    """Where one setting is searched."""

    low: int | float | None = Field(None, description="lower end, itself tried")
    high: int | float | None = Field(None, description="upper end, itself tried; whole numbers where both ends are")
    log: bool = Field(False, description="as many trials between 1 and 10 as between 10 and 100")
    step: int | float | None = Field(None, gt=0, description="only low, low + step, low + 2 step …")
    choices: list[Any] | None = Field(None, min_length=2, description="these values, in no order")

    @model_validator(mode="after")
    def _sound(self) -> Range:
        ends = (self.low, self.high)
        if self.choices is not None:
            if ends != (None, None) or self.log or self.step is not None:
                raise ValueError("expected either choices, or low and high")
        elif None in ends:
            raise ValueError("expected low and high, or choices")
        elif self.low >= self.high:  # type: ignore[operator]
            raise ValueError(f"expected low below high, found {self.low} and {self.high}")
        elif self.log and (self.low <= 0 or self.step is not None):  # type: ignore[operator]
            raise ValueError("expected low above 0 and no step, where log = true")
        return self

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are tried."""
        return all(isinstance(one, int) for one in (self.low, self.high, self.step) if one is not None)

    @property
    def ends(self) -> list[Any]:
        """Values that the page must be able to take."""
        return list(self.choices) if self.choices is not None else [self.low, self.high]

    @property
    def size(self) -> float:
        """How many values lie in it."""
        if self.choices is not None:
            return len(self.choices)
        steps = self._steps(self.high)
        return math.inf if steps is None else math.floor(steps + NEAR) + 1

    def holds(self, value: Any) -> bool:
        """Whether a value lies in it, on one of its steps."""
        if self.choices is not None:
            return value in self.choices
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high:
            return False
        steps = self._steps(value)
        return steps is None or abs(steps - round(steps)) < NEAR

    def _steps(self, value: Any) -> float | None:
        """How many steps above the lower end a value is; None where any number is tried."""
        step = self.step or (1 if self.whole else None)
        return None if step is None else (value - self.low) / step


@dataclass(frozen=True)
class Space:
    """A search that the page can do.

    Attributes:
        section: how it goes.
        ranges: dotted key of the page → where it is searched.
        of: the model or responder that is judged.
        metric: its metric, as in the table.
        models, responders: names of those that `of` is made of, itself included.
    """

    section: TuneSection
    ranges: Mapping[str, Range]
    of: str
    metric: str
    models: frozenset[str]
    responders: frozenset[str]

    @property
    def size(self) -> float:
        """How many different settings there are."""
        return math.prod(found.size for found in self.ranges.values())

    def touches(self, model: str) -> bool:
        """Whether a model is another one in other trials."""
        return any(not key.startswith("model.") or key.split(".")[1] == model for key in self.ranges)


def read(page: Page) -> Space:
    """What the section of a page says.

    Raises:
        InputError: all faults of the section together, each with the nearest right name.
    """
    faults: list[str] = []
    own, tables = _parted(page.run.tune)
    section = _tried(faults, TuneSection, own, "tune") or _sound(own)
    ranges = {key: _tried(faults, Range, table, f"tune.{key}") for key, table in tables.items()}
    if not tables:
        faults.append(
            'tune: the page says nothing to search; name settings and ranges, e.g. [tune] "model.sasrec.dropout" = '
            "{ low = 0.1, high = 0.6 }"
        )
    if len(tables) > MOST:
        faults.append(f"tune: found {len(tables)} settings; validation may choose at most {MOST}, leave some out")
    of, metric = _of(page, section, faults), _metric(page, section, faults)
    models, responders = _made_of(page, of)
    for key, found in ranges.items():
        faults += _misplaced(page, key, of, models | responders)
        if found is not None:
            faults += [fault for fault in _refused(page, key, found) if fault not in faults]
    if faults:
        raise InputError(faults)
    sound = {key: found for key, found in ranges.items() if found is not None}
    return Space(section, sound, of, metric, models, responders)


def changed(page: Page, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a page with other settings, and without the search."""
    values: dict[str, Any] = pages.copied({key: value for key, value in page.values.items() if key != "tune"})
    for key, value in settings.items():
        put(values, key, value, f"tune.{key}")
    return values


def own(page: Page, key: str) -> Any:
    """What a page says of a setting, or its default; None where it says nothing."""
    first, name, *rest = key.split(".")
    place: Any = page.values
    for part in (first, name, *rest):
        place = place.get(part) if isinstance(place, Mapping) else None
    if place is not None or not rest:
        return place if place is not None else getattr(getattr(page.run, first, None), name, None)
    if first == "responder":
        return getattr(page.responders[name].responder.config, rest[-1], None)
    if first != "model":
        return None
    entry, (part, *inner) = page.models[name], rest
    if part == "train":
        return getattr(entry.train, inner[-1], None)
    if part == "task" and inner and inner[0] in entry.tasks:
        task, weight = entry.tasks[inner[0]]
        return weight if inner[-1] == "weight" else getattr(task.config, inner[-1], None)
    return getattr(entry.model.config, part, None)


def _parted(section: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the search itself, and ranges by dotted key, whether their keys stand in quotes or as tables."""
    bare = {key: value for key, value in section.items() if not isinstance(value, Mapping)}
    tables = dict(_ranges(section)) | {key: {"choices": value} for key, value in bare.items() if "." in key}
    return {key: value for key, value in bare.items() if "." not in key}, tables


def _ranges(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            path = f"{above}{key}"
            inner = any(isinstance(one, Mapping) for one in value.values())
            if MARKS & set(value) or not inner:
                yield path, value
            else:
                yield from _ranges(value, f"{path}.")
        elif above:
            yield f"{above}{key}", {"choices": value}  # no table: told as what it should have been


def _tried(faults: list[str], kind: type[Any], values: Any, where: str) -> Any:
    try:
        return build(kind, values, where)
    except InputError as error:
        faults += error.faults
        return None


def _sound(own: Mapping[str, Any]) -> TuneSection:
    """The settings without those at fault, so that the faults of the others are told, too."""
    faults: list[str] = []
    kept = {key: value for key, value in own.items() if _tried(faults, TuneSection, {key: value}, "") is not None}
    return TuneSection(**kept)


def _of(page: Page, section: TuneSection, faults: list[str]) -> str:
    """What is judged."""
    known = [*page.models, *page.responders]
    stated = [name for name in page.models if name in page.values.get("model", {})] or list(page.models)
    of = section.of or page.run.serve.responder or (stated[0] if len(stated) == 1 else "")
    if of in known:
        return of
    if not stated:
        faults.append("tune: the page has no model that a search could judge; name one, e.g. [model.sasrec]")
        return ""
    if of:
        faults.append(f"tune.of: there is no model or responder {of!r}; {nearest(of, known)}")
    else:
        faults.append(f"tune.of: the page has several models; say which is judged, one of {', '.join(sorted(known))}")
    return stated[0]


def _metric(page: Page, section: TuneSection, faults: list[str]) -> str:
    known = [names(chosen.name, chosen.config) for chosen in page.metrics]
    if section.metric in known:
        return section.metric
    if section.metric is not None:
        faults.append(f"tune.metric: the page measures no {section.metric!r}; {nearest(section.metric, known)}")
    return HEADLINE[0] if HEADLINE[0] in known else known[0]


def _made_of(page: Page, of: str) -> tuple[frozenset[str], frozenset[str]]:
    """Models and responders that a model or responder needs, itself included."""
    found, waiting = set[str](), [of]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name in page.responders:
            waiting += page.responders[name].of
        elif name in page.models:
            entry = page.models[name]
            waiting += [teacher for task, _ in entry.tasks.values() if (teacher := getattr(task.config, "teacher", ""))]
            waiting += [entry.start.model] if entry.start is not None and entry.start.run is None else []
    return frozenset(found & set(page.models)), frozenset(found & set(page.responders))


def _misplaced(page: Page, key: str, of: str, needed: frozenset[str]) -> Iterator[str]:
    """Why a setting cannot be searched, whatever its range."""
    kind, _, rest = key.partition(".")
    if not any(key.startswith(f"{root}.") for root in ROOTS):
        yield f"tune.{key}: a search may change settings of {', '.join(ROOTS)} only; {nearest(kind, ROOTS)}"
        return
    name, known = rest.partition(".")[0], {"model": page.models, "responder": page.responders}.get(kind)
    if known is not None and name not in known:
        yield f"tune.{key}: the page has no {kind} {name!r}; {nearest(name, known)}"
    elif known is not None and name not in needed:
        yield f"tune.{key}: {of!r} is judged and is not made of {name!r}, so that this would change nothing"


def _refused(page: Page, key: str, found: Range) -> Iterator[str]:
    """What the page says to the ends of a range."""
    told = set[str]()
    for value in found.ends:
        try:
            pages.resolve(changed(page, {key: value}))
        except InputError as error:
            for fault in error.faults:
                if fault not in told:
                    told.add(fault)
                    yield f"tune.{key}: {fault}"
