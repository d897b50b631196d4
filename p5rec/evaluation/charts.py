"""Small line charts as inline SVG; colours are classes, so that the page's light and dark themes apply."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460.0, 280.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 14.0, 12.0, 42.0


@dataclass(frozen=True)
class Line:
    """One line: a name for its tooltip, a CSS class, and its points."""

    name: str
    style: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Axes:
    """What the axes say; a range of None is taken from the lines."""

    x: str
    y: str
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_ticks: Sequence[tuple[float, str]] | None = None
    write: Callable[[float], str] = lambda value: f"{value:g}"


def lines(title: str, shown: Sequence[Line], axes: Axes, marks: bool = False) -> str:
    """An SVG of lines; `marks` draws a dot at each point."""
    x_range = axes.x_range or _extent([value for line in shown for value in line.x])
    y_ticks = ticks(*(axes.y_range or _extent([value for line in shown for value in line.y])))
    y_range = axes.y_range or (y_ticks[0], y_ticks[-1])
    x_ticks = axes.x_ticks or [(value, short(value)) for value in ticks(*x_range, 4) if _inside(value, x_range)]
    place = _Place(x_range, y_range)
    parts = [
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(title)}">',
        *(_row(place, value, axes.write(value)) for value in y_ticks),
        *(_tick(place, value, text) for value, text in x_ticks),
        f'<text class="name" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 6:.0f}" '
        f'text-anchor="middle">{escape(axes.x)}</text>',
        *(_path(place, line, marks) for line in reversed(shown)),
        "</svg>",
    ]
    return "".join(parts)


@dataclass(frozen=True)
class _Place:
    """From data to pixels."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (value - low) / ((high - low) or 1.0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return HEIGHT - BOTTOM - (value - low) / ((high - low) or 1.0) * (HEIGHT - TOP - BOTTOM)


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers that hold low and high between them."""
    if not high > low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def short(value: float) -> str:
    """``1200`` as ``1.2k``."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:g}"


def _inside(value: float, ends: tuple[float, float]) -> bool:
    slack = 1e-6 * (ends[1] - ends[0])
    return ends[0] - slack <= value <= ends[1] + slack


def _extent(values: Sequence[float]) -> tuple[float, float]:
    return (min(values), max(values)) if values else (0.0, 1.0)


def _row(place: _Place, value: float, text: str) -> str:
    y = place.y(value)
    return (
        f'<line class="grid" x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 7:g}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'
    )


def _tick(place: _Place, value: float, text: str) -> str:
    return f'<text x="{place.x(value):.1f}" y="{HEIGHT - BOTTOM + 17:.1f}" text-anchor="middle">{escape(text)}</text>'


def _path(place: _Place, line: Line, marks: bool) -> str:
    points = [(place.x(x), place.y(y)) for x, y in zip(line.x, line.y, strict=True)]
    drawn = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in points) if marks else ""
    return f'<g class="line {line.style}"><title>{escape(line.name)}</title><path d="{drawn}"/>{dots}</g>'
