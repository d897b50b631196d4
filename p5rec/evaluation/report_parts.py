"""What a report is made of: plain data, so that any command can fill it and any page can show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from p5rec.evaluation.compare import Difference
from p5rec.evaluation.exposure import Exposure
from p5rec.evaluation.families import Family
from p5rec.evaluation.honesty import Finding, Protocol
from p5rec.evaluation.item_map import ItemMap
from p5rec.evaluation.slices import Slice
from p5rec.evaluation.tuned import Comparison

Interval = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """One model or responder of the table.

    Attributes:
        name: as in the page.
        kind: a model, or a responder made of models.
        valid, test: metric → number; empty where it was not measured.
        before: the test numbers before refitting on validation rows; empty where nothing is refitted.
        intervals: ``"valid"``, ``"test"`` and ``"before"`` → metric → 95 % interval.
        slices: the test numbers of parts of the queries.
        differences: metric → this row minus the best row of the table on test queries, p corrected for the
            number of rows; empty in the best row.
        exposure: which items its test lists hold.
        seconds_fit, seconds_rank: wall time of fitting, and of answering and ranking all test queries.
        parameters: numbers learned.
        peak_mb: peak memory of the process while fitting.
        note: a sentence to show with the row, e.g. why a model stepped aside.
        curves: history of training: ``loss`` (task → the loss of each step), ``valid`` (scores) and ``steps``
            (the step of each score).
        learned: the few weights a responder chose.
        families: what it does in each family of prompts, where it reads prompts.
    """

    name: str
    kind: Literal["model", "responder"] = "model"
    valid: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    before: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    slices: Sequence[Slice] = ()
    differences: Mapping[str, Difference] = field(default_factory=dict)
    exposure: Exposure | None = None
    seconds_fit: float = 0.0
    seconds_rank: float = 0.0
    parameters: int = 0
    peak_mb: float = 0.0
    note: str = ""
    curves: Mapping[str, Any] = field(default_factory=dict)
    learned: Mapping[str, Any] = field(default_factory=dict)
    families: Sequence[Family] = ()


@dataclass(frozen=True)
class Shown:
    """One item: its title, and its picture: a ``data:`` address, "" for an empty box, None where items have none."""

    title: str
    picture: str | None = None


@dataclass(frozen=True)
class Pick(Shown):
    """One recommended item, why (one phrase), and whether the user really took it next."""

    reason: str = ""
    hit: bool = False


@dataclass(frozen=True)
class Sample:
    """One real user: the last items of the history (newest last), what was recommended, and what it lacks.

    Attributes:
        user: outside id.
        history: the last items.
        picks: the recommended ones, best first.
        by: who answered.
        missed: what the user took next, as far as it is not among the picks.
    """

    user: str
    history: Sequence[Shown]
    picks: Sequence[Pick]
    by: str = ""
    missed: Sequence[Shown] = ()


@dataclass(frozen=True)
class Report:
    """All that ``report.html`` and ``report.json`` show.

    Attributes:
        title: the line at the head.
        data: facts of the dataset; ``users``, ``items``, ``events``, ``ties`` at least.
        protocol: how models were compared.
        rows: the table, in any order.
        headline: the metric that decides.
        serves: the row that answers live requests.
        findings: doubts to show above the table.
        samples: real users and their recommendations.
        item_map: items as points.
        dropped: what filters left out: ``stage``, ``reason``, ``rows``, ``users``, ``items`` each.
        page: the page as TOML.
        environment: name → value (versions, machine, time, command).
        ancestry: name → what this run was made from (fingerprints).
        directions: metric → whether more is better, None for neither.
        comparison: of a fine-tuning run: from scratch against from the pretrained model.
    """

    title: str
    data: Mapping[str, Any]
    protocol: Protocol
    rows: Sequence[Row]
    headline: str = "ndcg@10"
    serves: str = ""
    findings: Sequence[Finding] = ()
    samples: Sequence[Sample] = ()
    item_map: ItemMap | None = None
    dropped: Sequence[Mapping[str, Any]] = ()
    page: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    ancestry: Mapping[str, Any] = field(default_factory=dict)
    directions: Mapping[str, bool | None] = field(default_factory=dict)
    comparison: Comparison | None = None

    def ranked(self, part: Literal["valid", "test"] = "test") -> list[Row]:
        """Rows from best to worst in the headline; those without the number last."""
        sign = -1.0 if self.directions.get(self.headline, True) else 1.0

        def place(row: Row) -> float:
            value = getattr(row, part).get(self.headline, np.nan)
            return float("inf") if not np.isfinite(value) else sign * value

        return sorted(self.rows, key=place)

    def best(self, part: Literal["valid", "test"] = "test") -> Row | None:
        """The best row in the headline; None where no row has it."""
        ranked = self.ranked(part)
        return ranked[0] if ranked and self.headline in getattr(ranked[0], part) else None
