"""A search of settings as one HTML file, in the dress of the report: nothing fetched, light and dark."""

from __future__ import annotations

from typing import Any

from p5rec.evaluation import search_figures as figures
from p5rec.evaluation.report_page import HERE, templates
from p5rec.evaluation.search import Search, Trial, plain
from p5rec.evaluation.writing import label, number, seconds, signed

SHOWN = 200  # characters of a reason


def render(search: Search, page: str, place: str) -> str:
    """The page.

    Args:
        search: all trials so far.
        page: the best page as TOML, "" where there is none.
        place: where it lies, for the command that runs it.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    text = (HERE / "search.html").read_text(encoding="utf-8")
    best = search.best
    made: str = (
        templates()
        .from_string(text)
        .render(
            css=(HERE / "report.css").read_text(encoding="utf-8"),
            search=search,
            metric=label(search.metric),
            lead=_lead(search),
            tiles=_tiles(search),
            chosen=[] if best is None else _settings(search, best),
            progress=figures.progress(search),
            curves=figures.curves(search),
            effects=figures.effects(search),
            bars=_bars(search),
            rows=[_row(search, trial) for trial in _ordered(search)],
            page=page,
            place=place,
        )
    )
    return made


def _lead(search: Search) -> dict[str, str]:
    """The best trial, and by how much it is better than the page as it was."""
    best = search.best
    if best is None:
        return {"trial": "", "value": "", "gain": "No trial has come to a value yet."}
    start = next((one for one in search.finished if one.number == search.start), None)
    if start is None:
        gain = "The page's own settings were not among the trials."
    elif start is best:
        gain = "These are the page's own settings; no trial was better."
    else:
        gap = float(best.value or 0) - float(start.value or 0)
        gain = f"{signed(gap)} over the page's own settings, which have {number(start.value or 0)}."
    return {"trial": f"Trial {best.number}", "value": number(best.value or 0), "gain": gain}


def _tiles(search: Search) -> list[tuple[str, str]]:
    spent = seconds(sum(trial.seconds for trial in search.trials))
    counts = [(name, search.count(name)) for name in ("finished", "pruned", "failed", "cut off")]  # type: ignore[arg-type]
    told = [(name, f"{count:,}") for name, count in counts if count or name in ("finished", "pruned")]
    ended = len(search.trials) - search.count("cut off")
    return [("trials", f"{ended} of {search.wanted}"), *told, ("settings", str(len(search.keys))), ("time", spent)]


def _settings(search: Search, trial: Trial) -> list[tuple[str, str]]:
    return [(key, _value(trial.settings.get(key))) for key in search.keys]


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else plain(value)


def _bars(search: Search) -> list[dict[str, Any]]:
    """Importance of each setting, the largest first, as parts of the largest."""
    order = sorted(search.importance.items(), key=lambda pair: -pair[1])
    most = max((share for _, share in order), default=0.0) or 1.0
    return [{"key": key, "share": f"{share:.0%}", "width": round(100 * share / most, 1)} for key, share in order]


def _ordered(search: Search) -> list[Trial]:
    """The best first; those without a value behind, latest first."""
    sign = -1.0 if search.higher else 1.0
    rest = sorted((one for one in search.trials if one.value is None), key=lambda one: -one.number)
    return [*sorted(search.finished, key=lambda one: (sign * float(one.value or 0), one.number)), *rest]


def _row(search: Search, trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "best": trial is search.best,
        "own": trial.number == search.start,
        "value": "" if trial.value is None else number(trial.value),
        "settings": [value for _, value in _settings(search, trial)],
        "seconds": seconds(trial.seconds),
        "reason": trial.reason[:SHOWN],
    }
