"""Search the settings of a page on its validation rows; test rows are never looked at."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p5rec.commands import evaluate, prepare, space, stages
from p5rec.commands import page as pages
from p5rec.commands.page import Page
from p5rec.commands.space import Pruned, Space
from p5rec.contracts import Metric
from p5rec.core import artifact
from p5rec.core.errors import InputError, MissingExtra, P5Error
from p5rec.core.progress import say
from p5rec.data.dataset import Dataset
from p5rec.evaluation import search_page
from p5rec.evaluation.evaluate import evaluate as judge
from p5rec.evaluation.search import Search, write
from p5rec.evaluation.standard import names
from p5rec.training.history import History

if TYPE_CHECKING:
    from p5rec.commands.study import Study

BEST, HTML = "best.toml", "tune.html"
WEARY = 12  # trials in a row that repeat earlier settings, after which a search has little left to try
HOPELESS = 3  # trials without a value at the beginning after which a search gives up


def run(page: Page, out: Path) -> Search:
    """Search what the ``[tune]`` section of a page names; a search that was cut off goes on.

    Writes ``best.toml``, ``tune.html``, ``trials.csv`` and ``trials.json`` after each trial; the study is ``study.db``.

    Raises:
        InputError: all faults of the section together; the folder holds another search; there are no validation rows.
        MissingExtra: optuna is not installed.
        P5Error: no trial came to an end.
    """
    try:
        from p5rec.commands.study import Study
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "tune", "p5rec tune") from None
    wanted = space.read(page)
    out.mkdir(parents=True, exist_ok=True)
    hunt = _Hunt(page, wanted, out)
    study = Study(out, wanted, hunt.higher, page.run.seed, hunt.made_by)
    study.begin_with(hunt.start)
    begin = time.perf_counter()
    most = min(wanted.section.trials, wanted.size)
    while study.done < most and study.repeats < WEARY and _in_time(wanted, begin):
        hunt.step(study)
        found = hunt.told(study)
        if not found.finished and study.done >= HOPELESS:
            raise P5Error(
                f"no trial of the first {study.done} came to a value; the last one: {found.trials[-1].reason}"
            )
    return hunt.told(study)


def _in_time(wanted: Space, begin: float) -> bool:
    return wanted.section.seconds is None or time.perf_counter() - begin < wanted.section.seconds


class _Hunt:
    """A page, its data, and how one trial is done."""

    def __init__(self, page: Page, wanted: Space, out: Path) -> None:
        self.page, self.space, self.out = page, wanted, out
        self._data: dict[str, Dataset] = {}
        dataset = self.dataset(page)
        if not len(evaluate.held_out(page, dataset, "valid")[0]):
            raise InputError("tune: the split holds no validation rows to judge settings by; choose one that does")
        ((self.metric, first),) = self._metric(page, dataset).items()
        self.higher = first.higher is not False
        told = {key: space.own(page, key) for key in wanted.ranges}
        held = all(wanted.ranges[key].holds(value) for key, value in told.items())
        self.start: dict[str, Any] = told if held else {}
        free = {"trials", "seconds"}
        section = {key: value for key, value in page.run.tune.items() if key not in free}
        text = json.dumps([{**page.values, "tune": section}, dataset.facts.get("fingerprint")], default=str)
        self.made_by = hashlib.sha256(text.encode()).hexdigest()[:16]

    def dataset(self, page: Page) -> Dataset:
        """The prepared data of a page: trials that prepare alike share it."""
        own = prepare.language(page).model_dump_json()
        if own not in self._data:
            usual = own == prepare.language(self.page).model_dump_json()
            name = "data" if usual else f"data-{hashlib.sha256(own.encode()).hexdigest()[:8]}"
            self._data[own] = prepare.run(page, self.out / name)
        return self._data[own]

    def step(self, study: Study) -> None:
        """Do the next trial."""
        number, settings = study.ask()
        say(f"trial {number}: {', '.join(f'{key} = {json.dumps(value)}' for key, value in settings.items())}")
        begin = time.perf_counter()
        if _repeated(study, settings):
            return
        try:
            value = self._value(study, settings)
            study.finish(value, time.perf_counter() - begin)
            say(f"trial {number}: {self.metric} {value:.4f} on validation rows")
        except Pruned as reason:
            study.prune(str(reason), time.perf_counter() - begin)
            say(f"trial {number} is pruned: {reason}")
        except Exception as error:  # whatever it is: a trial left open would be the first of every later call
            study.fail(_one_line(error), time.perf_counter() - begin)
            say(f"trial {number} failed: {_one_line(error)}")

    def _value(self, study: Study, settings: Mapping[str, Any]) -> float:
        """Train with other settings, and judge on validation rows."""
        page = self._watched(self._needed(pages.resolve(space.changed(self.page, settings))), study)
        dataset = self.dataset(page)
        made = stages.run(page, dataset, self.out / "work")
        metrics = self._metric(page, dataset)
        able = evaluate.judged(page, dataset, made.chosen, made.learned, metrics)
        if self.space.of not in able:
            trained = made.chosen.get(self.space.of)
            raise P5Error(f"{self.space.of} cannot be judged: {(trained and trained.facts['note']) or 'it has no say'}")
        queries, truth = evaluate.held_out(page, dataset, "valid")
        return judge(able[self.space.of], queries, truth, metrics).values[self.metric]

    def _needed(self, page: Page) -> Page:
        """Only what is judged and what it is made of, fitted on training rows, by the one metric."""
        measured = page.run.evaluate.model_copy(update={"fitted_on": "train"})
        return replace(
            page,
            run=page.run.model_copy(update={"evaluate": measured}),
            models={name: entry for name, entry in page.models.items() if name in self.space.models},
            responders={name: entry for name, entry in page.responders.items() if name in self.space.responders},
            metrics=tuple(one for one in page.metrics if names(one.name, one.config) == self.space.metric),
        )

    def _watched(self, page: Page, study: Study) -> Page:
        """The page whose curve is watched: of the model that is judged, or of the only one that trials change."""
        sign = 1.0 if self.higher else -1.0

        def watch(history: History) -> None:
            study.curve([sign * one["score"] for one in history.valid])

        learning = [name for name, entry in page.models.items() if entry.tasks and self.space.touches(name)]
        if self.space.of in learning:
            learning = [self.space.of]
        if len(learning) != 1:
            return page
        return replace(page, models={**page.models, learning[0]: replace(page.models[learning[0]], watch=watch)})

    def _metric(self, page: Page, dataset: Dataset) -> dict[str, Metric]:
        return evaluate.metrics_of(self._needed(page), dataset)

    def told(self, study: Study) -> Search:
        """The search so far, written for people and programs."""
        trials = study.trials()
        first = next((one.number for one in trials if one.state != "cut off" and one.settings == self.start), None)
        search = Search(
            title=self.page.run.title,
            of=self.space.of,
            metric=self.metric,
            higher=self.higher,
            keys=list(self.space.ranges),
            wanted=self.space.section.trials,
            trials=trials,
            importance=study.importance(),
            start=first,
            log=[key for key, found in self.space.ranges.items() if found.log],
        )
        write(self.out, search)
        page = self._best(search)
        if page:
            artifact.write_file(self.out / BEST, page)
        artifact.write_file(self.out / HTML, search_page.render(search, page, str(self.out / BEST)))
        return search

    def _best(self, search: Search) -> str:
        """The best page, whole; "" where there is none yet."""
        best = search.best
        if best is None:
            return ""
        head = (
            f"# {search.metric} of {search.of} on validation rows {best.value:.4f}: the best of {len(search.trials)} "
            f"trials (number {best.number}).\n# Run it, and judge it on test rows:\n#   p5rec run {self.out / BEST} "
            "--out DIR\n"
        )
        text = pages.resolve(space.changed(self.page, best.settings)).text()
        own = f"plugs = {json.dumps(self.page.run.plugs)}\n" if self.page.run.plugs else ""
        return head + own + text


def _repeated(study: Study, settings: Mapping[str, Any]) -> bool:
    """Close the open trial as an earlier one of the same settings ended; the same seed would end the same."""
    same = next((one for one in study.ended if one.settings == settings), None)
    if same is None:
        return False
    told = f"the same settings as trial {same.number}"
    if same.value is not None:
        study.finish(same.value, 0.0, told)
    elif same.state == "pruned":
        study.prune(told, 0.0)
    else:
        study.fail(told, 0.0)
    say(told)
    return True


def _one_line(error: Exception) -> str:
    """Our own sentences as they are; others behind their name, without which many mean nothing."""
    told = "; ".join(str(error).splitlines())
    return told if isinstance(error, P5Error) else f"{type(error).__name__}: {told}".removesuffix(": ")
