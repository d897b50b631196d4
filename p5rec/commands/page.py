"""A run is a page: the annotated sections of the TOML, and the plugs that each entry means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

import tomli_w
from pydantic import Field, ValidationError

from p5rec.commands import indexing, origin, parts, pupils
from p5rec.commands.folders import Chosen, choose, use_own
from p5rec.commands.origin import Origin
from p5rec.contracts import Solved
from p5rec.core.config import Config, assign, build, read_toml
from p5rec.core.errors import InputError, nearest
from p5rec.data.encode import FeatureConfig
from p5rec.data.guess import guess
from p5rec.evaluation.standard import STANDARD
from p5rec.training.config import TrainConfig

PLAIN = str | int | float | bool | list | tuple | Mapping | date
Entry = str | dict[str, Any]  # a plug's name, or a table with its name and settings
T = TypeVar("T")


class DataSection(Config):
    """Where the data is and how it is prepared."""

    path: str | None = Field(None, description="file, folder or glob of the events; movielens can fetch its own")
    users: str | None = Field(None, description="table of users, one row each")
    items: str | None = Field(None, description="table of items, one row each")
    source: Entry | None = Field(None, description="how to read it; guessed from the path where left out")
    split: Entry = Field("leave_one_out", description="which events train, validate and test")
    filters: dict[str, dict[str, Any]] = Field(default_factory=dict, description="filters by name, in order")
    features: FeatureConfig = Field(default_factory=FeatureConfig, description="how columns become features")
    target: str | None = Field(None, description="the event kind to be predicted, where there are several")


class TowerSection(Config):
    """How all that is known of an item (or user) becomes one vector."""

    modalities: list[Entry] = Field(default=["id", "category", "number"], description="views, each a plug")
    fusion: Entry = Field("sum", description="how the views become one")


class EvaluateSection(Config):
    """What is measured."""

    ranking: Literal["full", "sampled"] = Field("full", description="sampled is refused; it misleads")
    fitted_on: Literal["train", "train+valid"] = Field("train", description="rows the tested models are fitted on")
    metrics: list[Entry] | None = Field(None, description="metrics; the usual ones where left out")
    baselines: bool = Field(True, description="popular, popular-recent and itemknn stand in every table")
    comparison: bool = Field(True, description="a fine-tuned model is compared with other ways to train it")
    bootstrap: int = Field(1000, ge=100, description="resamples behind each interval")
    users: int | None = Field(None, ge=1, description="measure a seeded sample of so many users only")


class ServeSection(Config):
    """What answers live requests."""

    responder: str | None = Field(None, description="model or responder; the best on validation where left out")
    store: Entry = Field("sqlite", description="the log of live events")
    fallback: str | None = Field("popular", description="answers where the responder has nothing to go by")


class RunSection(Config):
    """All top-level keys of a page; models and responders are tables of their own."""

    title: str = Field("", description="a line for the head of the report")
    seed: int = Field(0, ge=0, description="seed of every random draw")
    plugs: str | None = Field(None, description="a folder of the user's own plugs, KIND/NAME.py")
    loggers: list[str] = Field(default_factory=list, description="tensorboard, wandb")
    data: DataSection = Field(default_factory=DataSection)
    items: TowerSection = Field(default_factory=TowerSection)
    users: TowerSection = Field(default_factory=TowerSection)
    model: dict[str, dict[str, Any]] = Field(default_factory=dict, description="models by name")
    responder: dict[str, dict[str, Any]] = Field(default_factory=dict, description="responders by name")
    evaluate: EvaluateSection = Field(default_factory=EvaluateSection)
    serve: ServeSection = Field(default_factory=ServeSection)
    tune: dict[str, Any] = Field(default_factory=dict, description="what `p5rec tune` searches, see docs/pages.md")


@dataclass(frozen=True)
class ModelEntry:
    """One model of a page: the plug, its tasks and how it is trained."""

    name: str
    model: Chosen
    tasks: Mapping[str, tuple[Chosen, float]]
    train: TrainConfig
    balance: Chosen
    tuning: Chosen
    start: Origin | None = None  # the trained model whose weights it takes over
    lesson: pupils.Lesson | None = None  # the responder that it learns from
    watch: Callable[..., None] | None = None  # sees its validation curve, and may end its training by raising


@dataclass(frozen=True)
class ResponderEntry:
    """One responder of a page and the models or responders it is made of."""

    name: str
    responder: Chosen
    of: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A page whose every entry has been found and checked."""

    run: RunSection
    source: Chosen
    inner: Mapping[str, Chosen]
    split: Chosen
    filters: tuple[Chosen, ...]
    modalities: Mapping[str, tuple[Chosen, ...]]
    fusion: Mapping[str, Chosen]
    models: Mapping[str, ModelEntry]
    responders: Mapping[str, ResponderEntry]
    metrics: tuple[Chosen, ...]
    store: Chosen
    values: Mapping[str, Any] = field(repr=False)

    def text(self) -> str:
        """The page as TOML, changes applied; a guessed source is named, for the data may be gone when it is read."""
        values = {**self.values, "data": {**self.values.get("data", {})}}
        values.pop("plugs", None)  # the folder of a run keeps copies of its own
        source = values["data"].get("source", {})
        values["data"]["source"] = source if isinstance(source, str) else {"name": self.source.name, **source}
        if self.inner:
            of = {name: {"source": self.inner[name].name, **entry} for name, entry in source["of"].items()}
            values["data"]["source"]["of"] = of
        return tomli_w.dumps(_plain(values))

    @property
    def plugs(self) -> list[tuple[str, str]]:
        """(kind, name) of every plug the page uses."""
        single = [("source", self.source), ("split", self.split), ("store", self.store)]
        single += [("source", c) for c in self.inner.values()]
        single += [("filter", c) for c in self.filters] + [("metric", c) for c in self.metrics]
        single += [("modality", c) for views in self.modalities.values() for c in views]
        single += [("fusion", c) for c in self.fusion.values()]
        single += [("responder", entry.responder) for entry in self.responders.values()]
        single += [("index", index) for index in indexing.chosen(self.responders)]
        for entry in self.models.values():
            single += [("model", entry.model), ("balance", entry.balance), ("tuning", entry.tuning)]
            single += [("task", chosen) for chosen, _ in entry.tasks.values()]
        return sorted({(kind, chosen.name) for kind, chosen in single})


USUAL_METRICS: tuple[Entry, ...] = tuple({"name": name, **settings} for name, settings in STANDARD)
BASELINES: dict[str, dict[str, Any]] = {
    "popular": {},
    "popular-recent": {"kind": "popular", "days": 30},
    "itemknn": {},
}


def shipped() -> list[str]:
    """Names of the pages in the package."""
    return sorted(path.name[:-5] for path in _pages().iterdir() if path.name.endswith(".toml"))


def read(page: str | Mapping[str, Any], settings: Iterable[str] = (), prepared: bool = False) -> Page:
    """Read and check a page with ``--set`` changes.

    Args:
        page: a file, the name of a shipped page, or the page's values.
        settings: changes, ``"a.b=c"`` each.
        prepared: the data is given; what the page says of it does not count.

    Raises:
        InputError: all faults of the page together, each with its path and the nearest right name.
    """
    values = _values(page) if isinstance(page, str) else copied(page)
    for setting in settings:
        assign(values, setting)
    if prepared:
        values["data"] = {"source": "frame"}
    return resolve(origin.completed(values))


def copied(value: Any) -> Any:
    """Tables of a page anew, so that changes do not reach the caller's; frames are not copied."""
    return {key: copied(inner) for key, inner in value.items()} if isinstance(value, Mapping) else value


def _values(page: str) -> dict[str, Any]:
    path = Path(page)
    if path.suffix == ".toml" or path.is_file():
        return read_toml(path)
    if page in shipped():
        return read_toml(Path(str(_pages() / f"{page}.toml")))
    raise InputError(
        f"{page}: there is neither such a file nor a shipped page of this name; {nearest(page, shipped())}"
    )


def resolve(values: Mapping[str, Any]) -> Page:
    """Check plain page values and find every plug they name.

    Raises:
        InputError: all faults together.
    """
    faults = _Faults()
    run = faults.collect(build, RunSection, values) or build(RunSection, _without_faults(values))
    if run.plugs:
        use_own(Path(run.plugs))
    models = {**(BASELINES if run.evaluate.baselines else {}), **run.model}
    resolved = {name: faults.collect(_model, name, dict(entry)) for name, entry in models.items()}
    responders = {name: faults.collect(_responder, name, dict(entry)) for name, entry in run.responder.items()}
    towers = {"items": run.items, "users": run.users}
    source, inner = faults.collect(_source, run.data) or (None, {})
    page: dict[str, Any] = {
        "source": source,
        "inner": inner,
        "split": faults.collect(choose, "split", run.data.split, "data.split"),
        "filters": tuple(
            faults.collect(choose, "filter", {"name": name, **entry}, f"data.filters.{name}")
            for name, entry in run.data.filters.items()
        ),
        "modalities": {
            side: tuple(faults.collect(choose, "modality", m, f"{side}.modalities") for m in section.modalities)
            for side, section in towers.items()
        },
        "fusion": {
            side: faults.collect(choose, "fusion", section.fusion, f"{side}.fusion") for side, section in towers.items()
        },
        "metrics": tuple(
            faults.collect(choose, "metric", m, "evaluate.metrics") for m in run.evaluate.metrics or USUAL_METRICS
        ),
        "store": faults.collect(choose, "store", run.serve.store, "serve.store"),
    }
    _check_names(run, resolved, responders, faults)
    for side, views in page["modalities"].items():
        faults.found += parts.repeated([view.name for view in views if view], f"{side}.modalities")
    if faults.found:
        raise InputError(faults.found)
    return Page(run=run, models=resolved, responders=responders, values=values, **page)


def _without_faults(values: Mapping[str, Any]) -> dict[str, Any]:
    """The page without the settings at fault, so that the faults of its plugs are told, too."""
    rest: dict[str, Any] = copied(values)
    try:
        RunSection.model_validate(rest)
    except ValidationError as error:
        for fault in error.errors():
            place: Any = rest
            for part in fault["loc"][:-1]:
                place = place.get(part, {}) if isinstance(place, dict) else {}
            if isinstance(place, dict):
                place.pop(fault["loc"][-1], None)
    return rest


class _Faults:
    """Gathers the faults of many steps, so that all are told together."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def collect(self, step: Callable[..., T], *args: Any) -> T:
        try:
            return step(*args)
        except InputError as error:
            self.found.extend(error.faults)
            return None  # type: ignore[return-value]  # never used: faults end the reading of a page


def _source(data: DataSection) -> tuple[Chosen, dict[str, Chosen]]:
    """The source of a page, and those it joins."""
    settings = _named(data.source, data.path, "data")
    for key in ("path", "users", "items"):
        if (value := getattr(data, key)) is not None:
            settings.setdefault(key, value)
    of = settings.pop("of", None)
    source = choose("source", settings, "data.source")
    if of and not source.plug.joins:
        raise InputError(f"data.source.of: {source.name!r} reads one data set; name the source that joins several")
    if source.plug.joins and not of:
        raise InputError("data.source.of: there is no data set to join; add a table for each, [data.source.of.NAME]")
    faults = _Faults()
    inner = {name: faults.collect(_inner, name, entry) for name, entry in (of or {}).items()}
    if faults.found:
        raise InputError(faults.found)
    return source, inner


def _inner(name: str, entry: Any) -> Chosen:
    """One of several data sets."""
    where = f"data.source.of.{name}"
    if not isinstance(entry, Mapping):
        raise InputError(f"{where}: found {entry!r}, expected a table with the path of a data set")
    rest = {key: value for key, value in entry.items() if key != "source"}
    chosen = choose("source", {**rest, **_named(entry.get("source"), entry.get("path"), where)}, where)
    if chosen.plug.joins:
        raise InputError(f"{where}: a source that joins others cannot stand inside of one; put all tables on one level")
    return chosen


def _named(source: Entry | None, path: str | None, where: str) -> dict[str, Any]:
    """A source with its name, guessed from the path where the page says none (only settings, as ``--set`` gives)."""
    settings = {"name": source} if isinstance(source, str) else dict(source or {})
    return settings if "name" in settings else {"name": guess(_path_or_fault(path, where)), **settings}


def _path_or_fault(path: str | None, where: str) -> str:
    if path is None:
        raise InputError(f"{where}.path: this page needs the path of your data, e.g. --set {where}.path=events.csv")
    return path


def _model(name: str, entry: dict[str, Any]) -> ModelEntry:
    where = f"model.{name}"
    tasks, train = entry.pop("task", None), _table(entry.pop("train", {}), f"{where}.train")
    balance = entry.pop("balance", "fixed")
    tuning, start = train.pop("tuning", "full"), origin.stated(entry.pop(origin.FROM, None), name, where)
    model = choose("model", {"name": entry.pop("kind", name), **entry}, where)
    chosen = {}
    for task, settings in _table(model.plug.learns if tasks is None else tasks, f"{where}.task").items():
        settings = _table(settings, f"{where}.task.{task}")
        weight = _weight(settings.pop("weight", 1.0), f"{where}.task.{task}.weight")
        chosen[task] = choose("task", {"name": settings.pop("kind", task), **settings}, f"{where}.task.{task}"), weight
    _check_powers(where, model, {task: found for task, (found, _) in chosen.items()})
    return ModelEntry(
        name=name,
        model=model,
        tasks=chosen,
        train=build(TrainConfig, train, f"{where}.train"),
        balance=choose("balance", balance, f"{where}.balance"),
        tuning=choose("tuning", tuning, f"{where}.train.tuning"),
        start=start,
    )


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: found {value!r}, expected a table of settings")
    return dict(value)


def _weight(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where}: found {value!r}, expected a number")
    return float(value)


def _check_powers(where: str, model: Chosen, tasks: Mapping[str, Chosen]) -> None:
    """A task whose needs the model lacks is a fault of the page, as is a model that learns nothing."""
    faults = [
        f"{where}.task.{name}: this task needs the power {power}, which the model {model.name!r} does not have"
        for name, task in tasks.items()
        for power in [need.__name__ for need in task.plug.needs if not issubclass(model.plug, need)]
    ]
    if not tasks and not issubclass(model.plug, Solved):
        faults.append(f"{where}: the model {model.name!r} is trained by tasks and this page gives it none")
    if faults:
        raise InputError(faults)


def _responder(name: str, entry: dict[str, Any]) -> ResponderEntry:
    where, faults = f"responder.{name}", _Faults()
    of = faults.collect(parts.named, entry.pop("of", []), where)
    chosen = faults.collect(choose, "responder", {"name": entry.pop("kind", name), **entry}, where)
    if faults.found:
        raise InputError(faults.found)
    return ResponderEntry(name, chosen, of)


def _check_names(run: RunSection, models: Any, responders: Any, faults: _Faults) -> None:
    """Responders are made of models and of responders above them in the page; serve names one of either."""
    known = [*models, *responders]
    faults.found += parts.faults(models, responders)
    faults.found += pupils.faults(models, responders)
    faults.found += indexing.faults(models, responders)
    for key in ("responder", "fallback"):
        wanted = getattr(run.serve, key)
        if wanted is not None and wanted not in known and not (key == "fallback" and wanted == "popular"):
            faults.found.append(f"serve.{key}: there is no model or responder {wanted!r}; {nearest(wanted, known)}")


def _pages() -> Any:
    return resources.files("p5rec") / "pages"


def _plain(value: Any) -> Any:
    """Values as TOML can hold them: tuples as lists; None and frames are left out."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if isinstance(inner, PLAIN)}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
