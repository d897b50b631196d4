"""From what was measured to the rows of the table: intervals, slices, differences to the best row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from p5rec.data.dataset import Dataset
from p5rec.evaluation.compare import RESAMPLES, Difference, corrected, intervals, paired
from p5rec.evaluation.evaluate import Measured
from p5rec.evaluation.exposure import exposure
from p5rec.evaluation.report_parts import Row
from p5rec.evaluation.slices import Cuts, slices
from p5rec.evaluation.standard import HEADLINE


@dataclass(frozen=True)
class Entrant:
    """One model or responder that takes part: what it did and what it cost (see `Row`)."""

    name: str
    valid: Measured | None = None
    test: Measured | None = None
    before: Measured | None = None
    kind: Literal["model", "responder"] = "model"
    seconds_fit: float = 0.0
    parameters: int = 0
    peak_mb: float = 0.0
    note: str = ""
    curves: Mapping[str, Any] = field(default_factory=dict)
    learned: Mapping[str, Any] = field(default_factory=dict)


def rows(
    entrants: Sequence[Entrant],
    dataset: Dataset,
    cut: Cuts | None = None,
    *,
    headlines: Sequence[str] = HEADLINE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Row]:
    """The rows of the table.

    Args:
        entrants: all that take part, measured on the same queries.
        dataset: training data, for popularity.
        cut: of the test queries, see `slices.cuts`.
        headlines: metrics of paired tests and slices; the first decides which row is best.
        resamples: behind each interval.
        seed: of resampling.
    """
    against = differences(entrants, headlines, resamples=resamples, seed=seed)
    return [_row(one, dataset, cut or {}, headlines, against[one.name], resamples, seed) for one in entrants]


def differences(
    entrants: Sequence[Entrant], headlines: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, Difference]]:
    """Name → metric → minus the best row, p corrected (Holm) over the rows of each metric."""
    measured = {one.name: one.test for one in entrants if one.test is not None}
    found: dict[str, dict[str, Difference]] = {one.name: {} for one in entrants}
    for metric in headlines:
        taking = {name: test for name, test in measured.items() if metric in test.values}
        if len(taking) < 2:
            continue
        best = _best(measured, headlines[0] if headlines[0] in next(iter(taking.values())).values else metric)
        pairs = {
            name: paired(test, taking[best], metric, resamples=resamples, seed=seed)
            for name, test in taking.items()
            if name != best
        }
        for name, difference in corrected(pairs).items():
            found[name][metric] = difference
    return found


def _best(measured: Mapping[str, Measured], metric: str) -> str:
    having = {name: test for name, test in measured.items() if np.isfinite(test.values.get(metric, np.nan))}
    sign = 1.0 if next(iter(having.values())).metrics[metric].higher is not False else -1.0
    return max(having, key=lambda name: sign * having[name].values[metric])


def _row(
    one: Entrant,
    dataset: Dataset,
    cut: Cuts,
    headlines: Sequence[str],
    against: Mapping[str, Difference],
    resamples: int,
    seed: int,
) -> Row:
    parts = {part: measured for part in ("valid", "test", "before") if (measured := getattr(one, part)) is not None}
    lists = one.test.lists if one.test is not None else None
    return Row(
        name=one.name,
        kind=one.kind,
        valid=parts["valid"].values if "valid" in parts else {},
        test=parts["test"].values if "test" in parts else {},
        before=parts["before"].values if "before" in parts else {},
        intervals={part: intervals(measured, resamples=resamples, seed=seed) for part, measured in parts.items()},
        slices=slices(one.test, cut, metrics=headlines, seed=seed) if one.test is not None else (),
        differences=against,
        exposure=exposure(lists, dataset.item_counts) if lists is not None else None,
        seconds_fit=one.seconds_fit,
        seconds_rank=one.test.seconds if one.test is not None else 0.0,
        parameters=one.parameters,
        peak_mb=one.peak_mb,
        note=one.note,
        curves=one.curves,
        learned=one.learned,
    )
