"""A search of settings as it was done: trials, what the best one is, and the same for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from p5rec.core import artifact

State = Literal["finished", "pruned", "failed", "cut off"]


@dataclass(frozen=True)
class Trial:
    """One choice of settings, trained and judged on validation rows.

    Attributes:
        number: from 0.
        state: ``pruned``: ended early, for its curve was below the others'; ``cut off``: the search was killed in it,
            a later trial did it again.
        settings: dotted key of the page → value.
        value: the metric; None where it was not finished.
        curve: the metric of (a sample of) the validation queries after each validation of its training.
        seconds: wall time.
        reason: why it failed or was pruned.
    """

    number: int
    state: State
    settings: Mapping[str, Any]
    value: float | None = None
    curve: Sequence[float] = ()
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Search:
    """All trials of a search.

    Attributes:
        title: of the page.
        of: the model or responder that was judged.
        metric: on validation rows.
        higher: whether more of it is better.
        keys: what was searched.
        wanted: trials that the page wants.
        importance: key → share of what the settings changed in the metric that is due to it alone (fANOVA; Hutter et
            al. 2014), of the finished trials; empty where there are too few.
        start: number of the trial with the settings of the page itself, if there is one.
        log: keys that were searched by their order of magnitude.
    """

    title: str
    of: str
    metric: str
    higher: bool
    keys: Sequence[str]
    wanted: int
    trials: Sequence[Trial] = ()
    importance: Mapping[str, float] = field(default_factory=dict)
    start: int | None = None
    log: Sequence[str] = ()

    @property
    def finished(self) -> list[Trial]:
        """Trials that have a value, in their order."""
        return [trial for trial in self.trials if trial.value is not None]

    @property
    def best(self) -> Trial | None:
        """The best trial, the earlier one of equals; None where none was finished."""
        sign = 1.0 if self.higher else -1.0
        return max(self.finished, key=lambda trial: (sign * (trial.value or 0.0), -trial.number), default=None)

    def count(self, state: State) -> int:
        """Trials of a state."""
        return sum(trial.state == state for trial in self.trials)

    def running_best(self) -> list[tuple[int, float]]:
        """(number, the best value so far) after each finished trial."""
        found: list[tuple[int, float]] = []
        pick = max if self.higher else min
        for trial in self.finished:
            value = float(trial.value or 0.0)
            found.append((trial.number, pick(found[-1][1], value) if found else value))
        return found


def table(search: Search) -> str:
    """The trials as CSV, a column a setting."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", search.metric, *search.keys, "validations", "seconds", "reason"])
    for trial in search.trials:
        shown = ["" if trial.value is None else f"{trial.value:.6g}"]
        settings = [plain(trial.settings.get(key)) for key in search.keys]
        ends = [len(trial.curve), round(trial.seconds, 1), trial.reason]
        writer.writerow([trial.number, trial.state, *shown, *settings, *ends])
    return text.getvalue()


def plain(value: Any) -> str:
    """A setting as a cell shows it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def write(folder: Path, search: Search) -> None:
    """Write ``trials.csv`` and ``trials.json``, each beside and renamed."""
    artifact.write_file(folder / "trials.csv", table(search))
    best = search.best
    facts: dict[str, Any] = {
        "of": search.of,
        "metric": search.metric,
        "part": "valid",
        "best": None if best is None else best.number,
        "start": search.start,
        "importance": dict(search.importance),
        "trials": [{**vars(trial), "settings": dict(trial.settings), "curve": list(trial.curve)}
                   for trial in search.trials],
    }  # fmt: skip
    artifact.write_json(folder / "trials.json", facts)
