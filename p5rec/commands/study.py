"""The memory of a search: an optuna study in an SQLite file, so that a killed search goes on where it was."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from p5rec.commands.space import Pruned, Range, Space
from p5rec.core import seed as seeds
from p5rec.core.errors import InputError
from p5rec.core.progress import say
from p5rec.evaluation.search import State, Trial

FILE, NAME = "study.db", "p5rec"
CUT_OFF = "the search was killed in it"
DEADLY = "the search was killed twice with these settings (perhaps they need more memory than there is); left out"
STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "cut off",
}


class Study:
    """Trials of one page; nothing in the file is pickled.

    The sampler is made anew for each trial, with a seed of its own, so that a search that was killed draws the same
    settings as one that was not.

    Args:
        folder: of the file.
        space: what is searched.
        higher: whether more of the metric is better.
        seed: of the draws.
        made_by: what the search depends on; the file of another one is refused.

    Raises:
        InputError: the folder holds the search of another page.
    """

    def __init__(self, folder: Path, space: Space, higher: bool, seed: int, made_by: str) -> None:
        optuna.logging.set_verbosity(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self.space, self.seed = space, seed
        section = space.section
        pruner = optuna.pruners.MedianPruner(n_startup_trials=section.startup, n_warmup_steps=section.warmup)
        self._study = optuna.create_study(
            storage=optuna.storages.RDBStorage(f"sqlite:///{folder / FILE}"),
            pruner=pruner if section.prune else optuna.pruners.NopPruner(),
            study_name=NAME,
            direction="maximize" if higher else "minimize",
            load_if_exists=True,
        )
        if self._study.user_attrs.get("made_by", made_by) != made_by:
            raise InputError(
                f"{folder}: this folder holds the search of another page (other data, settings or ranges); "
                "give another --out, or remove the folder"
            )
        self._study.set_user_attr("made_by", made_by)
        self._ranges = {key: _distribution(found) for key, found in space.ranges.items()}
        self._open: optuna.Trial | None = None
        self._again()

    def _again(self) -> None:
        """A trial that was running when the search was killed is done again, first of all; but not a third time, for
        what kills the whole process would kill every later search, too.
        """
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            again = any(one.reason == CUT_OFF and one.settings == self._settings(trial.params) for one in self.trials())
            self._note(trial.number, DEADLY if again else CUT_OFF, 0.0)
            self._study.tell(trial.number, state=TrialState.FAIL)
            if again:
                say(f"trial {trial.number} failed: {DEADLY}")
            else:
                self._study.enqueue_trial(trial.params)

    # ------------------------------------------------------------ before a trial

    @property
    def done(self) -> int:
        """Different settings that came to an end, in whatever way."""
        return len({json.dumps(dict(trial.settings)) for trial in self.ended})

    @property
    def ended(self) -> list[Trial]:
        """Trials that were not cut off; the open one is none of them."""
        return [one for one in self.trials() if one.state != "cut off"]

    @property
    def repeats(self) -> int:
        """How many of the latest trials repeat earlier settings."""
        ended = self.ended
        known = [one.settings for one in ended]
        fresh = [place for place, one in enumerate(ended) if one.settings not in known[:place]]
        return len(ended) - 1 - fresh[-1] if fresh else 0

    def begin_with(self, settings: Mapping[str, Any]) -> None:
        """The first trial of all has these settings."""
        if not self._study.get_trials(deepcopy=False):
            self._study.enqueue_trial({key: self._told(key, value) for key, value in settings.items()})

    def ask(self) -> tuple[int, dict[str, Any]]:
        """Number and settings of the next trial."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=self.space.section.startup,
                seed=seeds.number(self.seed, "tune", len(self.ended)) % 2**32,
                constant_liar=False,
            )
            self._open = self._study.ask(self._ranges)
        return self._open.number, self._settings(self._open.params)

    # ------------------------------------------------------------ in a trial

    def curve(self, values: list[float]) -> None:
        """The validation curve so far of the open trial.

        Raises:
            Pruned: it is below the median of the others.
        """
        trial = self._open
        assert trial is not None
        known = len(self._study.get_trials(deepcopy=False)[trial.number].intermediate_values)
        for place in range(known, len(values)):  # a training that was killed has told the first ones already
            trial.report(values[place], place)
        if trial.should_prune():
            raise Pruned(f"below the median of the others after {len(values)} validations")

    # ------------------------------------------------------------ after a trial

    def finish(self, value: float, seconds: float, remark: str = "") -> None:
        """The open trial has a value."""
        self._close(TrialState.COMPLETE, remark, seconds, value)

    def prune(self, reason: str, seconds: float) -> None:
        """The open trial was ended early."""
        self._close(TrialState.PRUNED, reason, seconds)

    def fail(self, reason: str, seconds: float) -> None:
        """The open trial came to no value."""
        self._close(TrialState.FAIL, reason, seconds)

    def _close(self, state: TrialState, reason: str, seconds: float, value: float | None = None) -> None:
        assert self._open is not None
        self._note(self._open.number, reason, seconds)
        self._study.tell(self._open.number, values=value, state=state)
        self._open = None

    def _note(self, number: int, reason: str, seconds: float) -> None:
        self._study.set_user_attr(f"trial {number}", {"reason": reason, "seconds": round(seconds, 2)})

    def trials(self) -> list[Trial]:
        """All trials that were begun."""
        facts = self._study.user_attrs
        begun = [one for one in self._study.get_trials(deepcopy=False) if one.state in STATES]
        return [self._trial(one, facts.get(f"trial {one.number}", {})) for one in begun]

    def _trial(self, one: FrozenTrial, facts: Mapping[str, Any]) -> Trial:
        reason = facts.get("reason", "")
        return Trial(
            number=one.number,
            state="cut off" if reason == CUT_OFF else STATES[one.state],
            settings=self._settings(one.params),
            value=one.value if one.state == TrialState.COMPLETE else None,
            curve=tuple(one.intermediate_values[step] for step in sorted(one.intermediate_values)),
            seconds=facts.get("seconds", 0.0),
            reason=reason,
        )

    def importance(self) -> dict[str, float]:
        """Key → share of the variance of the metric that it explains alone; empty where that cannot be told yet."""
        finished = [one.value for one in self.trials() if one.value is not None]
        if len(self._ranges) < 2 or len(finished) < 4 or len(set(finished)) < 2:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seeds.number(self.seed, "fanova") % 2**32)
            return dict(optuna.importance.get_param_importances(self._study, evaluator=evaluator))

    # ------------------------------------------------------------ values

    def _told(self, key: str, value: Any) -> Any:
        return value if self.space.ranges[key].choices is None else json.dumps(value)

    def _settings(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Values of the page, in the order of the section."""
        listed = {key: found.choices is not None for key, found in self.space.ranges.items()}
        return {key: json.loads(params[key]) if listed[key] else params[key] for key in listed if key in params}


def _distribution(found: Range) -> BaseDistribution:
    """Choices stand in the file as JSON, for they may be lists or tables."""
    if found.choices is not None:
        return CategoricalDistribution([json.dumps(one) for one in found.choices])
    assert found.low is not None
    assert found.high is not None
    if found.whole:
        return IntDistribution(int(found.low), int(found.high), log=found.log, step=int(found.step or 1))
    return FloatDistribution(float(found.low), float(found.high), log=found.log, step=found.step)
