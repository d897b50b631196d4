"""The figures of a search: trials and the best so far, what each setting did, the validation curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from p5rec.evaluation.charts import Axes, Line, lines
from p5rec.evaluation.report_figures import Figure
from p5rec.evaluation.search import Search, Trial, plain
from p5rec.evaluation.writing import label, number

CURVES = 40  # drawn, the latest ones
FEW = 8  # whole numbers that stand side by side as choices do
LONGEST = 14  # letters of a choice below an axis


def progress(search: Search) -> Figure | None:
    """Every trial, and the best value up to each."""
    if not search.finished:
        return None
    found = search.running_best()
    x, y = [float(found[0][0])], [found[0][1]]
    for place, value in found[1:]:
        x, y = [*x, float(place), float(place)], [*y, y[-1], value]
    last = float(search.trials[-1].number)
    stairs = Line("best so far", "c0 stairs", [*x, last], [*y, y[-1]])
    done = _dots("c0 dots", [(float(t.number), float(t.value or 0), _told(search, t)) for t in search.finished])
    ended = [(float(t.number), t.curve[-1], _told(search, t)) for t in search.trials if t.value is None and t.curve]
    axes = Axes("trial", search.metric, (-0.5, max(last, 1.0) + 0.5), write=number)
    svg = lines(f"{label(search.metric)} of each trial", [stairs, *done, *_dots("c7 dots hollow", ended)], axes, True)
    return Figure("Trial by trial", svg, "Line: the best so far. Hollow: ended early, at the last value of its curve.")


def curves(search: Search) -> Figure | None:
    """Validation curves; the best trial stands out."""
    best = search.best
    drawn = [trial for trial in search.trials if len(trial.curve) > 1][-CURVES:]
    if best is None or not drawn:
        return None

    def style(trial: Trial) -> str:
        return "c0 first" if trial is best else "c2 thin" if trial.state == "finished" else "c7 thin"

    order = sorted(drawn, key=lambda trial: trial is not best)
    shown = [
        Line(_told(search, t), style(t), [float(n + 1) for n in range(len(t.curve))], list(t.curve)) for t in order
    ]
    svg = lines("validation curves of the trials", shown, Axes("validation", search.metric, write=number))
    return Figure("Curves", svg, "Blue: the best trial. Grey: ended early, or failed.")


def effects(search: Search) -> list[Figure]:
    """The metric by each setting, the most important first."""
    order = sorted(search.keys, key=lambda key: -search.importance.get(key, 0.0))
    return [_effect(search, key) for key in order] if search.finished else []


def _effect(search: Search, key: str) -> Figure:
    place, axes = _scale(search, key)
    best = search.best
    points = [(place(t.settings[key]), float(t.value or 0), _told(search, t)) for t in search.finished]
    others = [point for point, trial in zip(points, search.finished, strict=True) if trial is not best]
    top = [point for point, trial in zip(points, search.finished, strict=True) if trial is best]
    ended = [
        (place(t.settings[key]), t.curve[-1], _told(search, t)) for t in search.trials if t.value is None and t.curve
    ]
    shown = [*_dots("c1 dots large", top), *_dots("c0 dots", others), *_dots("c7 dots hollow", ended)]
    return Figure(key, lines(f"{search.metric} by {key}", shown, axes, marks=True), _share(search, key))


def _share(search: Search, key: str) -> str:
    best = search.best
    told = f"best: {_short(best.settings[key])}" if best else ""
    return f"{search.importance[key]:.0%} of what mattered · {told}" if key in search.importance else told


def _scale(search: Search, key: str) -> tuple[Callable[[Any], float], Axes]:
    """Where a value stands on the axis: as it is, by its order of magnitude, or by its place among choices."""
    values = [trial.settings[key] for trial in search.trials]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if numbers and (len(set(values)) > FEW or any(isinstance(value, float) for value in values)):
        low, high = min(values), max(values)
        if key in search.log:
            low, high = math.log10(low), math.log10(high)
            ends = sorted({low + (high - low) * part for part in (0.08, 0.36, 0.64, 0.92)})
            return math.log10, Axes("", search.metric, _wide(low, high), None, [(at, _size(at)) for at in ends], number)
        return float, Axes("", search.metric, _wide(low, high), None, None, number)
    names = [plain(value) for value in (sorted(set(values)) if numbers else values)]
    names = names if numbers else sorted(set(names))
    ticks = [(float(n), _cut(name)) for n, name in enumerate(names)]
    return lambda value: float(names.index(plain(value))), Axes(
        "", search.metric, (-0.5, len(names) - 0.5), None, ticks, number
    )


def _size(exponent: float) -> str:
    """``0.002``, ``5e-05``, ``300``: a number of two digits by its exponent of ten."""
    value = float(f"{10**exponent:.2g}")
    return f"{value:g}"


def _wide(low: float, high: float) -> tuple[float, float]:
    slack = 0.04 * ((high - low) or abs(low) or 1.0)
    return low - slack, high + slack


def _dots(style: str, points: Sequence[tuple[float, float, str]]) -> list[Line]:
    """A line of one point each, so that each has its own tooltip."""
    return [Line(text, style, [x], [y]) for x, y, text in points]


def _told(search: Search, trial: Trial) -> str:
    value = f"{label(search.metric)} {number(trial.value)}" if trial.value is not None else trial.state
    settings = ", ".join(f"{key.split('.')[-1]} {_short(value)}" for key, value in trial.settings.items())
    return f"trial {trial.number}: {value} · {settings}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else plain(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
