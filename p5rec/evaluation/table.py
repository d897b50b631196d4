"""The table on the screen: all models, with intervals."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from p5rec.evaluation.report_parts import Report, Row
from p5rec.evaluation.standard import HEADLINE
from p5rec.evaluation.writing import label, number, seconds


def table(report: Report) -> Table:
    """Best first; the best bold, rows that are surely worse (p < .05 after Holm) marked by ▾."""
    shown = shown_metrics(report)
    best = report.best()
    title, caption = escape(_title(report)), escape(_caption(report, shown))
    out = Table(title=title, title_justify="left", caption=caption, caption_justify="left", box=None)
    out.add_column("model")
    for metric in shown:
        out.add_column(f"{escape(label(metric))}  [dim]95 %[/]")
    out.add_column("fit", justify="right")
    out.add_column("rank", justify="right")
    for row in report.ranked():
        style = "bold" if best is not None and row.name == best.name else ""
        if not row.test:
            out.add_row(Text(row.name), f"[dim]{escape(row.note or 'not measured')}[/]")
            continue
        cells = [_cell(row, metric) for metric in shown]
        out.add_row(Text(row.name), *cells, seconds(row.seconds_fit), seconds(row.seconds_rank), style=style)
    return out


def shown_metrics(report: Report) -> list[str]:
    """The headline metric first, then the others that every table shows; else the first two measured."""
    measured = [metric for row in report.rows for metric in row.test]
    wanted = [metric for metric in dict.fromkeys((report.headline, *HEADLINE)) if metric in measured]
    return wanted if len(wanted) > 1 else list(dict.fromkeys([*wanted, *measured]))[:2]


def _cell(row: Row, metric: str) -> str:
    if metric not in row.test:
        return "–"
    low, high = row.intervals.get("test", {}).get(metric, (float("nan"), float("nan")))
    mark = "▾" if _is_worse(row, metric) else " "
    return f"{number(row.test[metric])}{mark} [dim]{number(low)}–{number(high)}[/]"


def _is_worse(row: Row, metric: str) -> bool:
    """Whether it is surely worse than the best, and its cell marked."""
    difference = row.differences.get(metric)
    return metric in row.test and difference is not None and difference.significant


def _title(report: Report) -> str:
    protocol = report.protocol
    return f"test rows · {protocol.words()} · fitted on {protocol.fitted_on}"


def _caption(report: Report, shown: list[str]) -> str:
    """What the marks mean; "" where no cell has one."""
    best = report.best()
    if best is None or not any(_is_worse(row, metric) for row in report.rows for metric in shown):
        return ""
    return f"▾ surely worse than {best.name} (paired test, p < .05 after Holm)"
