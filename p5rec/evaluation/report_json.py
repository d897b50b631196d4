"""The report as JSON, for programs: schema 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from p5rec.evaluation.families import Family, FamilyRow
from p5rec.evaluation.honesty import share_of_ties
from p5rec.evaluation.report_parts import Report, Row, Sample
from p5rec.evaluation.tuned import Comparison, Variant

SCHEMA = 1


def plain(report: Report) -> dict[str, Any]:
    """Valid JSON values; numbers that are not finite are null."""
    best = report.best()
    found: dict[str, Any] = finite(
        {
            "schema": SCHEMA,
            "title": report.title,
            "headline": report.headline,
            "best": best.name if best else None,
            "serves": report.serves or None,
            "data": {**report.data, "ties": share_of_ties(report.data)},
            "protocol": asdict(report.protocol),
            "models": {row.name: _row(row) for row in report.ranked()},
            "warnings": [asdict(finding) for finding in report.findings],
            "dropped": list(report.dropped),
            "samples": [_sample(sample) for sample in report.samples],
            "page": report.page,
            "environment": report.environment,
            "ancestry": report.ancestry,
            **(_comparison(report.comparison) if report.comparison else {}),
        }
    )
    return found


def _row(row: Row) -> dict[str, Any]:
    out: dict[str, Any] = {
        "kind": row.kind,
        "valid": row.valid,
        "test": {**row.test, **_families(row)},
        **({"before": row.before} if row.before else {}),
        "interval": row.intervals,
        "seconds": {"fit": row.seconds_fit, "rank": row.seconds_rank},
        "parameters": row.parameters,
        "peak_mb": row.peak_mb,
        "slices": _slices(row),
        "against_best": {metric: asdict(difference) for metric, difference in row.differences.items()},
        "exposure": asdict(row.exposure) if row.exposure else None,
        "curves": row.curves,
    }
    return out | ({"note": row.note} if row.note else {}) | ({"learned": row.learned} if row.learned else {})


def _sample(sample: Sample) -> dict[str, Any]:
    """Titles and reasons; pictures are for the page."""
    return {
        "user": sample.user,
        "history": [one.title for one in sample.history],
        "picks": [{"title": one.title, "reason": one.reason, "hit": one.hit} for one in sample.picks],
        "by": sample.by,
        "missed": [one.title for one in sample.missed],
    }


def _slices(row: Row) -> dict[str, dict[str, Any]]:
    """Group → slice → its queries, numbers and intervals."""
    groups: dict[str, dict[str, Any]] = {}
    for one in row.slices:
        groups.setdefault(one.group, {})[one.name] = {
            "queries": one.queries,
            **one.values,
            "interval": one.intervals,
        }
    return groups


def _families(row: Row) -> dict[str, Any]:
    """``families``: name → its numbers, intervals, checks and baselines; nothing where it reads no prompts."""
    return {"families": {one.name: _family(one) for one in row.families}} if row.families else {}


def _family(one: Family) -> dict[str, Any]:
    rows = {row.name: _check(row) for row in one.rows}
    return {**one.values, "interval": one.intervals, "queries": one.queries, "rows": rows, "notes": one.notes}


def _check(row: FamilyRow) -> dict[str, Any]:
    gaps = {metric: asdict(gap) for metric, gap in row.differences.items()}  # the family minus this row
    return {**row.values, "interval": row.intervals, "difference": gaps, "note": row.note}


def _comparison(found: Comparison) -> dict[str, Any]:
    """``comparison``: variant → what it did and took; ``pretraining``: whether that was worth it, in a sentence."""
    said = {"metric": found.metric, "helps": found.helps(), "sentence": found.sentence()}
    return {"comparison": {one.name: _variant(one) for one in found.variants}, "pretraining": said}


def _variant(one: Variant) -> dict[str, Any]:
    return {
        "metrics": one.values,
        "interval": one.intervals,
        "against_scratch": {metric: asdict(gap) for metric, gap in one.differences.items()},
        **asdict(one.cost),
        "note": one.note,
    }


def finite(value: Any) -> Any:
    """Plain JSON values: arrays as lists, numpy numbers as Python's, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [finite(inner) for inner in value]
    if isinstance(value, np.generic):
        return finite(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if isinstance(value, str | int | bool | type(None)) else str(value)
