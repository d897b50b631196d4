"""What the page says in words and numbers, ready for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p5rec.evaluation.compare import Difference
from p5rec.evaluation.honesty import share_of_ties
from p5rec.evaluation.report_parts import Report, Row
from p5rec.evaluation.slices import Slice
from p5rec.evaluation.table import shown_metrics
from p5rec.evaluation.writing import label, number, seconds

BEYOND = ("coverage@10", "novelty@10", "popularity_bias@10", "diversity@10")
MEANINGS = {
    "coverage": "share of the catalogue that is ever shown",
    "novelty": "surprise of a shown item, in bits",
    "popularity bias": "popularity of shown items; 1 is what people take",
    "diversity": "how unlike the items of a list are",
}


def styles(report: Report) -> dict[str, str]:
    """A colour class for each row, the best first."""
    return {row.name: f"c{place % 8}" for place, row in enumerate(report.ranked())}


def lead(report: Report) -> dict[str, str]:
    """Who won and how sure that is."""
    best = report.best()
    if best is None:
        return {"winner": "", "metric": "", "certainty": "No model was measured on test rows."}
    low, high = best.intervals.get("test", {}).get(report.headline, (float("nan"), float("nan")))
    return {
        "winner": best.name,
        "metric": label(report.headline),
        "value": number(best.test[report.headline]),
        "interval": f"{number(low)}–{number(high)}",
        "certainty": certainty(report),
    }


def certainty(report: Report) -> str:
    """One sentence on the runner-up."""
    ranked = [row for row in report.ranked() if report.headline in row.test]
    if len(ranked) < 2:
        return "It is the only row, so there is nothing to compare it with."
    second = ranked[1]
    difference = second.differences.get(report.headline)
    if difference is None:
        return f"{second.name} comes next with {number(second.test[report.headline])}; no paired test was made."
    gap, p = number(abs(difference.mean)), p_value(difference)
    if difference.significant:
        return f"It leads {second.name} by {gap} ({p}), more than chance explains."
    return f"It leads {second.name} by {gap} ({p}), which may be chance: the two cannot be told apart on this data."


def p_value(difference: Difference) -> str:
    """``p = .012``, ``p < .001``."""
    return "p < .001" if difference.p < 0.001 else "p = " + f"{difference.p:.3f}".lstrip("0")


def tiles(report: Report) -> list[tuple[str, str]]:
    """What the data is, in a few numbers."""
    data = report.data
    found = [(name, f"{int(data[name]):,}") for name in ("users", "items", "events") if name in data]
    if isinstance(spread := data.get("events_a_user"), Mapping) and "median" in spread:
        found.append(("median history", f"{spread['median']:g}"))
    if "sparsity" in data:
        found.append(("pairs known", f"{1 - float(data['sparsity']):.2%}"))
    found.append(("tied times", f"{share_of_ties(data):.1%}"))
    if "tested_users" in data:
        found.append(("test queries", f"{int(data['tested_users']):,}"))
    return found


def protocol(report: Report) -> str:
    """How it was measured, in one line."""
    one = report.protocol
    fitted = "training rows" if one.fitted_on == "train" else "training and validation rows"
    return f"{one.split.replace('_', ' ')} · {one.words()} · fitted on {fitted} · seed {one.seed}"


def comparison(report: Report) -> dict[str, Any]:
    """The table with intervals: one bar and whisker for each model and headline metric."""
    shown, colours = shown_metrics(report), styles(report)
    scales = {metric: _scale([_span(row, metric) for row in report.rows if metric in row.test]) for metric in shown}
    best = report.best()
    return {
        "metrics": [label(metric) for metric in shown],
        "rows": [
            {
                "name": row.name,
                "style": colours[row.name],
                "best": best is not None and row.name == best.name,
                "serves": row.name == report.serves,
                "note": row.note,
                "kind": row.kind,
                "cells": [_cell(row, metric, scales[metric]) for metric in shown] if row.test else [],
                "gap": _gap(row, report.headline),
                "fit": seconds(row.seconds_fit),
                "rank": seconds(row.seconds_rank),
                "parameters": f"{row.parameters:,}" if row.parameters else "–",
                "memory": f"{row.peak_mb:,.0f} MB" if row.peak_mb else "–",
                "learned": row.learned,
            }
            for row in report.ranked()
        ],
    }


def slice_groups(report: Report) -> list[dict[str, Any]]:
    """Each group of slices: for each slice, every model's number with its whisker."""
    metric, colours = report.headline, styles(report)
    rows = [row for row in report.ranked() if row.slices]
    if not rows or metric not in rows[0].slices[0].values:
        return []
    every = [(row, one) for row in rows for one in row.slices]
    scale = _scale([one.intervals[metric] for _, one in every])
    groups: dict[str, dict[str, Any]] = {}
    for row, one in every:
        group = groups.setdefault(one.group, {"name": one.group, "metric": label(metric), "slices": {}})
        found = group["slices"].setdefault(one.name, {"name": one.name, "queries": f"{one.queries:,}", "bars": []})
        found["bars"].append({"name": row.name, "style": colours[row.name], **_slice_bar(one, metric, scale)})
    return [{**group, "slices": list(group["slices"].values())} for group in groups.values()]


def beyond(report: Report) -> dict[str, Any]:
    """What lists are like, apart from being right."""
    rows = [row for row in report.ranked() if row.test]
    shown = [metric for metric in BEYOND if any(metric in row.test for row in rows)]
    heads = [(label(metric), MEANINGS.get(label(metric).partition("@")[0].lower(), "")) for metric in shown]
    cells = [[f"{row.test[m]:.3f}" if m in row.test else "–" for m in shown] for row in rows]
    colours = styles(report)
    names = [{"name": row.name, "style": colours[row.name]} for row in rows]
    return {"heads": heads, "rows": list(zip(names, cells, strict=True))} if shown else {}


def numbers(report: Report) -> dict[str, Any]:
    """Every number of every row, test and validation."""
    rows = report.ranked()
    metrics = list(dict.fromkeys(metric for row in rows for metric in (*row.test, *row.valid)))
    parts: Sequence[tuple[str, str]] = (
        ("test", "test rows"),
        ("before", "test rows, fitted on training rows alone"),
        ("valid", "validation rows"),
    )
    return {
        "metrics": [label(metric) for metric in metrics],
        "parts": [
            (
                title,
                [
                    (row.name, [_with_interval(row, part, metric) for metric in metrics])
                    for row in rows
                    if getattr(row, part)
                ],
            )
            for part, title in parts
            if any(getattr(row, part) for row in rows)
        ],
    }


def _with_interval(row: Row, part: str, metric: str) -> tuple[str, str]:
    values = getattr(row, part)
    if metric not in values:
        return "–", ""
    low, high = row.intervals.get(part, {}).get(metric, (float("nan"), float("nan")))
    return number(values[metric]), f"{number(low)}–{number(high)}" if low == low else ""


def _span(row: Row, metric: str) -> tuple[float, float]:
    return row.intervals.get("test", {}).get(metric, (row.test[metric], row.test[metric]))


def _scale(spans: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The ends of a track: from zero, unless all numbers are far from it."""
    low, high = min(span[0] for span in spans), max(span[1] for span in spans)
    if low > 0.6 * high:
        return low - 0.15 * (high - low), high + 0.05 * (high - low)
    return min(low, 0.0), (high or 1.0) * 1.02


def _bar(value: float, span: tuple[float, float], scale: tuple[float, float]) -> dict[str, float]:
    """Ends of bar and whisker in percent of the track."""
    low, high = scale
    start, stop, end = (min(max(100 * (one - low) / ((high - low) or 1.0), 0.0), 100.0) for one in (*span, value))
    return {"start": round(start, 2), "width": round(stop - start, 2), "end": round(end, 2)}


def _cell(row: Row, metric: str, scale: tuple[float, float]) -> dict[str, Any]:
    if metric not in row.test:
        return {"value": "–"}
    low, high = _span(row, metric)
    bar = _bar(row.test[metric], (low, high), scale)
    return {"value": number(row.test[metric]), "interval": f"{number(low)}–{number(high)}", **bar}


def _gap(row: Row, metric: str) -> dict[str, Any]:
    difference = row.differences.get(metric)
    if difference is None:
        return {}
    sign = "+" if difference.mean > 0 else "−"
    return {"value": sign + number(abs(difference.mean)), "p": p_value(difference), "sure": difference.significant}


def _slice_bar(one: Slice, metric: str, scale: tuple[float, float]) -> dict[str, Any]:
    return {"value": number(one.values[metric]), **_bar(one.values[metric], one.intervals[metric], scale)}
