"""The report of a run: a page to look at and the same numbers for programs."""

from __future__ import annotations

from pathlib import Path

from p5rec.core import artifact
from p5rec.evaluation.families import Family, FamilyRow
from p5rec.evaluation.report_json import plain
from p5rec.evaluation.report_page import render
from p5rec.evaluation.report_parts import Pick, Report, Row, Sample, Shown
from p5rec.evaluation.tuned import Comparison, Cost, Variant

__all__ = [
    "Comparison",
    "Cost",
    "Family",
    "FamilyRow",
    "Pick",
    "Report",
    "Row",
    "Sample",
    "Shown",
    "Variant",
    "write",
]

FILES = ("report.html", "report.json")


def write(folder: Path, report: Report) -> None:
    """Write ``report.html`` (one file, nothing fetched) and ``report.json``, each beside and renamed.

    Raises:
        MissingExtra: the template engine is not installed; the numbers are written all the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page, numbers = FILES
    artifact.write_json(folder / numbers, plain(report))
    artifact.write_file(folder / page, render(report))
