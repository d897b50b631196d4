"""What one model does in each family of prompts, beside checks (other wordings) and baselines on the same queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from p5rec.evaluation.compare import RESAMPLES, Difference, intervals, paired
from p5rec.evaluation.evaluate import Measured

Parts = Mapping[
    str, Measured
]  # what stands before the names of its metrics (``"headline_"``, mostly ``""``) → measured


@dataclass(frozen=True)
class FamilyRow:
    """A check or a baseline of a family.

    Attributes:
        name: e.g. ``"unseen wordings"``, ``"shuffled words"``, ``"tuned user + item bias"``.
        values, intervals: metric → number, metric → 95 % interval.
        differences: metric → the family's number minus this row's, where both answered the same queries.
        note: a phrase to show with the name.
    """

    name: str
    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    differences: Mapping[str, Difference] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Family:
    """One model's numbers in one family of prompts, on held-out events.

    Attributes:
        name: of the family, e.g. ``"rating"``.
        values, intervals: metric → number, metric → 95 % interval.
        notes: sentences to show below, e.g. templates left out.
        rows: checks and baselines.
        queries: prompts answered.
    """

    name: str
    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    rows: Sequence[FamilyRow] = ()
    queries: int = 0


def family(
    name: str,
    parts: Parts,
    rows: Sequence[FamilyRow] = (),
    notes: Sequence[str] = (),
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Family:
    """A family from what was measured; ``{"": stars, "headline_": texts}`` gives ``rmse`` and ``headline_bleu4``."""
    asked = max((measured.queries for measured in parts.values()), default=0)
    return Family(name, _values(parts), _intervals(parts, resamples, seed), tuple(notes), tuple(rows), asked)


def row(
    name: str, parts: Parts, against: Parts | None = None, note: str = "", *, resamples: int = RESAMPLES, seed: int = 0
) -> FamilyRow:
    """A check or baseline from what was measured.

    Args:
        name: of the row.
        parts: prefix → measured, as in the family.
        against: the family's own parts, for paired differences; None where other queries were asked.
        note: a phrase to show with the name.
        resamples, seed: of the intervals.

    Raises:
        InputError: the two were not measured on the same queries.
    """
    differences = {
        prefix + metric: paired(ours, parts[prefix], metric, resamples=resamples, seed=seed)
        for prefix, ours in (against or {}).items()
        if prefix in parts
        for metric in ours.values
        if metric in parts[prefix].values
    }
    return FamilyRow(name, _values(parts), _intervals(parts, resamples, seed), differences, note)


def _values(parts: Parts) -> dict[str, float]:
    return {prefix + name: value for prefix, measured in parts.items() for name, value in measured.values.items()}


def _intervals(parts: Parts, resamples: int, seed: int) -> dict[str, tuple[float, float]]:
    return {
        prefix + name: ends
        for prefix, measured in parts.items()
        for name, ends in intervals(measured, resamples=resamples, seed=seed).items()
    }
