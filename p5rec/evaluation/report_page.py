"""The report as one HTML file: style and drawings inside, nothing fetched, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from p5rec.core.errors import MissingExtra
from p5rec.evaluation import report_families as prompts
from p5rec.evaluation import report_figures as figures
from p5rec.evaluation import report_views as views
from p5rec.evaluation.report_parts import Report

HERE = Path(__file__).parent


def render(report: Report) -> str:
    """The page.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    text = (HERE / "report.html").read_text(encoding="utf-8")
    page: str = templates().from_string(text).render(**_context(report))
    return page


def templates() -> Any:
    """What fills templates.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("jinja2", "report", "report.html") from None
    return jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)


def _context(report: Report) -> dict[str, Any]:
    styles = views.styles(report)
    return {
        "css": (HERE / "report.css").read_text(encoding="utf-8"),
        "report": report,
        "lead": views.lead(report),
        "tiles": views.tiles(report),
        "protocol": views.protocol(report),
        "comparison": views.comparison(report),
        "pretraining": prompts.pretraining(report),
        "families": prompts.families(report),
        "groups": views.slice_groups(report),
        "beyond": views.beyond(report),
        "numbers": views.numbers(report),
        "legend": [(row.name, styles[row.name]) for row in report.ranked() if row.exposure is not None],
        "popularity": figures.popularity(report, styles),
        "curves": figures.curves(report, styles),
        "points": figures.map_points(report.item_map) if report.item_map else "",
        "labels": figures.map_labels(report.item_map) if report.item_map else [],
        "dropped": [one for one in report.dropped if one.get("rows") or one.get("users") or one.get("items")],
    }
