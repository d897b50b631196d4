"""The figures of the page: learning curves, popularity, inequality, the map of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from p5rec.evaluation.charts import Axes, Line, lines
from p5rec.evaluation.item_map import ItemMap
from p5rec.evaluation.report_parts import Report, Row
from p5rec.evaluation.writing import label, number

SHOWN = 400  # points of a curve; longer ones are averaged
LONGEST = 26  # letters of a title on the map


@dataclass(frozen=True)
class Figure:
    """A drawing, its heading and what to read from it."""

    title: str
    svg: str
    text: str = ""


def curves(report: Report, styles: Mapping[str, str]) -> list[Figure]:
    """Loss and validation score of every model that was trained in steps."""
    figures = []
    for row in report.ranked():
        figures += _losses(row, styles[row.name]) + _validation(row, report, styles[row.name])
    return figures


def popularity(report: Report, styles: Mapping[str, str]) -> list[Figure]:
    """Where recommendations go: by tenths of the catalogue, and how unequally."""
    rows = [row for row in report.ranked() if row.exposure is not None]
    if not rows:
        return []
    tenths = [Line(row.name, styles[row.name], list(range(1, 11)), row.exposure.tenths) for row in rows if row.exposure]
    lorenz = [Line(row.name, styles[row.name], _shares(row), row.exposure.lorenz) for row in rows if row.exposure]
    percent = Axes("tenths of the training events, most taken items first", "share", (1, 10), None, _tenths(), _percent)
    spread = Axes("items, least recommended first", "share", (0, 1), (0, 1), _quarters(), _percent)
    usual = Line("as people take", "even", [1, 10], [0.1, 0.1])
    equal = Line("all items equally often", "even", [0, 1], [0, 1])
    return [
        Figure(
            "Share of recommendations by popularity",
            lines("share of recommendations by popularity", [*tenths, usual], percent, marks=True),
            "Dashed: items as popular as those that people take. Above it on the left are hits, on the right rarities.",
        ),
        Figure(
            "How unequally items are shown",
            lines("Lorenz curves of recommendations", [*lorenz, equal], spread),
            "Lorenz curves: the nearer to the dashed line, the more evenly the catalogue is recommended.",
        ),
    ]


def map_points(shown: ItemMap) -> str:
    """The points of the item map; the most taken are drawn first, so that small ones stay visible."""
    biggest = max(max(shown.counts, default=1), 1)
    order = np.argsort(-np.asarray(shown.counts), kind="stable")
    circles = [_circle(shown, int(place), biggest) for place in order]
    return f'<svg viewBox="0 0 1000 600" role="img" aria-label="map of item vectors">{"".join(circles)}</svg>'


def _circle(shown: ItemMap, place: int, biggest: int) -> str:
    x, y = _across(shown.x[place]), _down(shown.y[place])
    radius = 2.2 + 7.0 * (shown.counts[place] / biggest) ** 0.5
    return (
        f'<circle class="g{shown.group[place]}" cx="{x:.0f}" cy="{y:.0f}" r="{radius:.1f}">'
        f"<title>{escape(shown.names[place])} · {shown.counts[place]:,}</title></circle>"
    )


def map_labels(shown: ItemMap) -> list[dict[str, Any]]:
    """Titles beside the most taken items: text, and place in percent of the figure."""
    return [
        {
            "text": _cut(shown.names[place]),
            "left": round(_across(shown.x[place]) / 10, 1),
            "top": round(_down(shown.y[place]) / 6, 1),
            "before": shown.x[place] > 0.75,
        }
        for place in shown.labels
    ]


def _across(x: float) -> float:
    return 25 + 950 * x


def _down(y: float) -> float:
    return 575 - 550 * y


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def _losses(row: Row, style: str) -> list[Figure]:
    losses = row.curves.get("loss") or {}
    tasks = losses if isinstance(losses, Mapping) else {"loss": losses}
    drawn = []
    for place, (task, values) in enumerate(tasks.items()):
        x, y = _thinned(*_points(values, None))
        if len(y) > 1:
            drawn.append(Line(task, style if place == 0 else f"c{(place + 3) % 8}", x, y))
    if not drawn:
        return []
    axes = Axes("step", "loss")
    return [
        Figure(f"{row.name}: loss", lines(f"loss of {row.name}", drawn, axes), ", ".join(line.name for line in drawn))
    ]


def _validation(row: Row, report: Report, style: str) -> list[Figure]:
    x, y = _points(row.curves.get("valid") or [], row.curves.get("steps"))
    if len(y) < 2:
        return []
    metric = report.headline
    best = max(y) if report.directions.get(metric, True) else min(y)
    title = f"{row.name}: {label(metric)} on validation rows"
    svg = lines(
        title,
        [Line(row.name, style, x, y)],
        Axes("step" if row.curves.get("steps") else "validation", metric, write=number),
        marks=len(y) <= 60,
    )
    return [Figure(title, svg, f"best {number(best)}")]


def _points(values: Any, steps: Any) -> tuple[list[float], list[float]]:
    """Steps and finite numbers of a curve, given as numbers, or as pairs of step and number."""
    numbers = list(values)
    if numbers and isinstance(numbers[0], Sequence):
        pairs = [(float(step), float(value)) for step, value in numbers]
    else:
        places = list(steps) if steps is not None and len(steps) == len(numbers) else range(1, len(numbers) + 1)
        pairs = [(float(p), float(v)) for p, v in zip(places, numbers, strict=True) if v is not None]
    pairs = [(step, value) for step, value in pairs if np.isfinite(value)]
    return [step for step, _ in pairs], [value for _, value in pairs]


def _thinned(x: list[float], y: list[float]) -> tuple[list[float], list[float]]:
    """At most `SHOWN` points, each the mean of its neighbours."""
    if len(y) <= SHOWN:
        return x, y
    blocks = [part for part in np.array_split(np.arange(len(y)), SHOWN) if len(part)]
    return [float(np.mean(np.take(x, part))) for part in blocks], [float(np.mean(np.take(y, part))) for part in blocks]


def _shares(row: Row) -> list[float]:
    points = len(row.exposure.lorenz) if row.exposure else 0
    return [place / max(points - 1, 1) for place in range(points)]


def _tenths() -> list[tuple[float, str]]:
    return [(1, "hits"), (4, "4th"), (7, "7th"), (10, "rare")]


def _quarters() -> list[tuple[float, str]]:
    return [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]


def _percent(value: float) -> str:
    return f"{100 * value:g}%"
