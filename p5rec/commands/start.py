"""A model for new data takes over the weights of a trained one: tables row by row and by name, all else by shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from p5rec.commands import assemble, pupils
from p5rec.commands.folders import choose, use_own
from p5rec.commands.made import DATA, MODELS, PAGE, PLUGS
from p5rec.commands.origin import Origin
from p5rec.commands.page import ModelEntry, Page, resolve
from p5rec.commands.weights import Trained
from p5rec.contracts import Learned, Modality, Model, Setting, Tower
from p5rec.core import artifact
from p5rec.core.config import read_toml
from p5rec.core.errors import InputError
from p5rec.data import storage
from p5rec.data.dataset import Dataset
from p5rec.data.events import Part
from p5rec.data.features import Features
from p5rec.data.leaks import HELD, known_before
from p5rec.data.words import Words
from p5rec.evaluation.honesty import Finding

SIDES = ("items", "users")
SHOWN = 6  # names in a note
KNOWN = 0.1  # share of held-out pairs from which on an earlier run has learned the answers; fewer are ids by chance


@dataclass(frozen=True)
class Taken:
    """What was taken over, as a model's marker keeps it.

    Attributes:
        whole: parameters copied as they are.
        rows: name of a table's rows → how many of them were known, and how many there are now.
        left: old rows that the new data lacks, by name.
        fresh: parameters that begin anew, since nothing there fits them.
    """

    whole: int
    rows: Mapping[str, tuple[int, int]]
    left: Mapping[str, int]
    fresh: Sequence[str]

    def sentence(self) -> str:
        """For the person at the terminal."""
        rows = ", ".join(f"{known:,} of {now:,} {name} are known" for name, (known, now) in self.rows.items())
        left = ", ".join(f"{count:,} old {name}" for name, count in self.left.items() if count)
        fresh = f"{', '.join(self.fresh[:SHOWN])}{' …' if len(self.fresh) > SHOWN else ''}"
        return "; ".join(
            part
            for part in (
                f"{self.whole} parameters are taken over whole",
                rows,
                f"the new data lacks {left}, which are left out" if left else "",
                f"begun anew: {fresh}" if fresh else "",
            )
            if part
        )


def opened(origin: Origin) -> tuple[Model, Dataset]:
    """The trained model, and the data it was trained on.

    Raises:
        InputError: the run is gone, changed since the page was read, or the model stepped aside in it.
    """
    assert origin.run is not None, "a model of the same page is handed over, not opened"
    facts, data = artifact.read_marker(origin.run, "recommender"), dataset(origin.run)
    if origin.version and facts["version"] != origin.version:
        raise InputError(f"{origin.run}: this run was made anew since the page was read; read the page again")
    if (origin.run / PLUGS).is_dir():
        use_own(origin.run / PLUGS)
    page = resolve(read_toml(origin.run / PAGE))
    if origin.model not in page.models:
        raise InputError(f"{origin.run}: there is no model {origin.model!r} in this run to start from")
    trained = assemble.opened(
        page.models[origin.model], assemble.setting(page, data), origin.run / MODELS / origin.model
    )
    if trained.model is None:
        raise InputError(f"{origin.run}: the model {origin.model!r} stepped aside there, so nothing starts from it")
    return trained.model, data


def dataset(run: Path) -> Dataset:
    """The data of a run, as its final models saw it."""
    found = storage.load(run / DATA)
    page = read_toml(run / PAGE)
    return found.merged() if page.get("evaluate", {}).get("fitted_on") == "train+valid" else found


def doubts(page: Page, data: Dataset, rankings: bool) -> list[Finding]:
    """Held-out rows that models of other runs, from which those of this page start, were trained on.

    Where labels are asked for, to have seen the pair is not to have seen its label, so that it is told only.
    """
    starts = {entry.name: entry.start.run for entry in page.models.values() if entry.start and entry.start.run}
    runs = {name: run for name, run in starts.items() if (run / DATA).is_dir()}  # a finished run outlives its origin
    before = {run: dataset(run) for run in runs.values()}
    found = []
    for name, run in runs.items():
        for part, rows in HELD:
            if (share := known_before(data, before[run], part)) > KNOWN:
                found.append(_doubt(f"model.{name}.from", share, f"{rows} pairs", run, rankings and part == Part.TEST))
    for responder in (one for one, entry in page.responders.items() if issubclass(entry.responder.plug, Learned)):
        for name in (one for one in pupils.bases(page, responder) if one in runs):
            if (share := known_before(data.folded(), before[runs[name]], Part.VALID)) > KNOWN:
                rows = f"last training pairs, of which it learns how far to trust {name!r},"
                found.append(_doubt(f"responder.{responder}", share, rows, runs[name], True))
    return found


def _doubt(where: str, share: float, rows: str, run: Path, refused: bool) -> Finding:
    then = "the answers are known; start from a run that has not seen them, or from nothing"
    sentence = f"{where}: {share:.0%} of the {rows} were training rows of {run}, so that {then}"
    return Finding("refuse" if refused else "warn", sentence)


def vocabulary(page: Page) -> Words | None:
    """The words of the first model of another run that this page starts from."""
    runs = [entry.start.run for entry in page.models.values() if entry.start and entry.start.run]
    return storage.load(runs[0] / DATA).words if runs else None


def begun(
    entry: ModelEntry, made_for: Setting, data: Dataset, above: Mapping[str, Trained]
) -> tuple[Model, Taken | None]:
    """A model for this data, untrained, or with the weights of the one it starts from.

    Raises:
        InputError: that one is gone, or stepped aside.
    """
    if entry.start is None:
        return _from_pairs(assemble.model(entry, made_for), data), None
    model = assemble.model(entry, _sided(made_for))
    if entry.start.run is not None:
        old, before = opened(entry.start)
        return model, adopt(model, old, matches(data, before))
    first = above[entry.start.model].model
    if first is None:
        raise InputError(f"model.{entry.name}.from: {entry.start.model!r} stepped aside, so nothing starts from it")
    return model, adopt(model, first, matches(data, data))


def _from_pairs(model: Model, data: Dataset) -> Model:
    """The model whose item tower, where it has one, has seen what stands together in training histories."""
    if isinstance(tower := getattr(model, "items", None), Tower):
        for view in (part for part in tower.modules() if isinstance(part, Modality)):
            view.begin(data)
    return model


def adopt(model: Model, old: Model, known: Mapping[str, Tensor]) -> Taken:
    """Take over the weights of another model of the same kind; buffers are facts of the data and stay.

    Args:
        model: has rows for the new data; towers know their ``side``.
        old: the trained model.
        known: name of rows → (N,) the old row of each new one, -1 where there is none.
    """
    state, rows = dict(old.state_dict(keep_vars=False)), named(model)
    found: dict[str, tuple[int, int]] = {}
    left: dict[str, int] = {}
    whole, fresh = 0, []
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            what, given = rows.get(name, ""), state.get(name)
            if given is None or parameter.shape[1:] != given.shape[1:] or parameter.dim() != given.dim():
                fresh.append(name)
            elif what in known:
                place = known[what]
                parameter.copy_(_by_row(parameter, given, place))
                found[what] = int((place >= 0).sum()), len(place)
                left[what] = len(given) - found[what][0]
            elif parameter.shape == given.shape:
                parameter.copy_(given)
                whole += 1
            elif what == "places":
                shared = min(len(parameter), len(given))
                parameter[:shared] = given[:shared]
            else:
                fresh.append(name)
    return Taken(whole, found, left, fresh)


def _by_row(fresh: Tensor, given: Tensor, place: Tensor) -> Tensor:
    """Known rows as they were; vectors of new ones stand about the middle of the old, single numbers at the least."""
    known = (place >= 0).view(-1, *[1] * (fresh.dim() - 1))
    if not len(given):
        return fresh
    begin = given.mean(0) + fresh if fresh.dim() > 1 else given.min().expand_as(fresh)
    return torch.where(known, given[place.clamp(min=0)], begin)


def named(model: nn.Module) -> dict[str, str]:
    """Name of a parameter → what its rows are, for all modules that tell it of their tables (``rows()``)."""
    sides, out = {path: part.side for path, part in model.named_modules() if hasattr(part, "side")}, {}
    for path, module in model.named_modules():
        tell: Callable[[], dict[str, str]] | None = getattr(module, "rows", None)
        side = next((side for outer, side in sides.items() if f"{path}.".startswith(f"{outer}.")), "")
        for name, what in (tell() if tell else {}).items():
            of_side = side if what == "rows" else f"{side} {what}" if what.startswith("levels ") else what
            out[f"{path}.{name}".lstrip(".")] = of_side
    return out


def matches(new: Dataset, old: Dataset) -> dict[str, Tensor]:
    """Name of rows → the old number of each new row, -1 where there is none; by raw ids and strings."""
    found = {
        "items": torch.from_numpy(old.items.numbers(new.items.all())),
        "users": torch.from_numpy(old.users.numbers(new.users.all())),
        "kinds": _places(new.kinds, old.kinds),
    }
    if new.words is not None and old.words is not None:
        found["words"] = _places(new.words.tokens, old.words.tokens)
    for side in SIDES:
        after, before = getattr(new, f"known_{side}"), getattr(old, f"known_{side}")
        found |= {f"{side} levels {name}": _places(*pair) for name, pair in _levels(after, before).items()}
    return found


def _levels(new: Features, old: Features) -> dict[str, tuple[Sequence[str], Sequence[str]]]:
    """Column → its levels now and before."""
    names = [name for name in new.columns if new.columns[name].levels]
    before = {name: old.columns[name].levels if name in old.columns else () for name in names}
    return {name: (new.columns[name].levels, before[name]) for name in names}


def _places(names: Sequence[str], among: Sequence[str]) -> Tensor:
    place = {name: number for number, name in enumerate(among)}
    return torch.tensor([place.get(name, -1) for name in names], dtype=torch.long)


def _sided(made_for: Setting) -> Setting:
    """A setting whose towers know whether they are of items or of users."""

    def make(maker: Callable[..., Tower], side: str, *args: Any, **named: Any) -> Tower:
        tower = maker(*args, **named)
        tower.side = side  # type: ignore[assignment]
        return tower

    towers = {f"{side[:-1]}_tower": partial(make, getattr(made_for, f"{side[:-1]}_tower"), side) for side in SIDES}
    return replace(made_for, **towers)  # type: ignore[arg-type]


def opening(entry: ModelEntry, made_for: Setting) -> ModelEntry:
    """The entry whose tuning opens towers and heads, where it freezes the net of a started model and says no more."""
    if entry.start is None or entry.tuning.name not in ("frozen", "lowrank") or entry.tuning.config.open:  # type: ignore[attr-defined]
        return entry
    return replace(entry, tuning=opened_parts(assemble.model(entry, made_for), entry.tuning.name))


def opened_parts(model: Model, name: str) -> Any:
    """The tuning `frozen` or `lowrank` with towers, tables and heads of the model open, and adapters in its nets."""
    direct = {child for child, part in model.named_children() if isinstance(part, Tower | nn.Linear | nn.Embedding)}
    names = [path for path, _ in model.named_parameters()]
    heads = sorted({f"{path.split('.')[0]}.*" for path in names if path.split(".")[0] in direct})
    settings: dict[str, Any] = {"name": name, "open": heads + [path for path in names if "." not in path]}
    if name == "lowrank":
        nets = {path.split(".")[0] for path, part in model.named_modules() if isinstance(part, nn.Linear)} - direct
        settings["targets"] = sorted(f"{net}.*" for net in nets) or ["*"]
    return choose("tuning", settings, "tuning")
