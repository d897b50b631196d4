"""The sections on prompts and on pretraining, ready for the template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p5rec.evaluation.compare import Difference
from p5rec.evaluation.families import Family, FamilyRow
from p5rec.evaluation.report_parts import Report
from p5rec.evaluation.report_views import p_value, styles
from p5rec.evaluation.tuned import Variant
from p5rec.evaluation.writing import label, number, seconds, signed

Ends = Mapping[str, tuple[float, float]]


def families(report: Report) -> list[dict[str, Any]]:
    """Each model with prompts: a table for each family, its own numbers first, then checks and baselines."""
    colours = styles(report)
    return [
        {"name": row.name, "style": colours[row.name], "tables": [_table(one, row.name) for one in row.families]}
        for row in report.ranked()
        if row.families
    ]


def _table(one: Family, model: str) -> dict[str, Any]:
    metrics = list(dict.fromkeys([*one.values, *(metric for row in one.rows for metric in row.values)]))
    return {
        "name": one.name,
        "queries": f"{one.queries:,}" if one.queries else "",
        "heads": [label(metric) for metric in metrics],
        "own": (model, [_cell(one.values, one.intervals, metric) for metric in metrics]),
        "rows": [(row.name, row.note, [_row_cell(row, metric) for metric in metrics]) for row in one.rows],
        "differences": any(row.differences for row in one.rows),
        "notes": list(one.notes),
    }


def _cell(values: Mapping[str, float], ends: Ends, metric: str) -> dict[str, str]:
    if metric not in values:
        return {"value": "", "interval": "", "gap": ""}
    low, high = ends.get(metric, (float("nan"), float("nan")))
    shown = f"{number(low)}–{number(high)}" if low == low else ""
    return {"value": number(values[metric]), "interval": shown, "gap": ""}


def _row_cell(row: FamilyRow, metric: str) -> dict[str, str]:
    return {**_cell(row.values, row.intervals, metric), "gap": _gap(row.differences.get(metric))}


def _gap(gap: Difference | None) -> str:
    """The difference and, on a line of its own, its interval."""
    return "" if gap is None else f"{signed(gap.mean)}\n{signed(gap.low)} to {signed(gap.high)}"


def pretraining(report: Report) -> dict[str, Any]:
    """The table of variants and the sentence above it; empty without a comparison."""
    found = report.comparison
    if found is None:
        return {}
    metrics = list(found.directions)
    return {
        "sentence": found.sentence(),
        "helps": found.helps(),
        "heads": [label(metric) for metric in metrics],
        "rows": [_variant(one, metrics) for one in found.variants],
    }


def _variant(one: Variant, metrics: list[str]) -> dict[str, Any]:
    gaps = [one.differences.get(metric) for metric in metrics]
    cells = [
        {**_cell(one.values, one.intervals, metric), "gap": f"{_gap(gap)}\n{p_value(gap)}" if gap else ""}
        for metric, gap in zip(metrics, gaps, strict=True)
    ]
    cost = one.cost
    return {
        "name": one.name,
        "note": one.note,
        "cells": cells,
        "trainable": f"{cost.trainable:,}" if cost.trainable else "none",
        "seconds": seconds(cost.seconds) if cost.seconds else "–",
        "memory": f"{cost.peak_mb:,.0f} MB" if cost.peak_mb else "–",
    }
