"""A run of a benchmark in a folder of its own, which is not made twice, and the page of results that says what made it.

Not a benchmark itself: those that run whole pages keep their runs by it, and all name their commit by it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from p5rec.commands import page as pages
from p5rec.commands import run as stage
from p5rec.contracts import Dataset
from p5rec.testing.sequences import from_sequences

PAGES = Path(__file__).parent / "pages"
STAMP, MARKER = "made.txt", "artifact.json"


def report(page: str, settings: Iterable[str], out: Path) -> dict[str, Any]:
    """The report.json of a page (of `pages/`, or shipped); a finished run is not made again, a cut off one goes on."""
    own = PAGES / f"{page}.toml"
    made(stage.run, pages.read(str(own if own.is_file() else page), settings), out)
    found: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return found


def made(job: Callable[[pages.Page, Path], object], page: pages.Page, out: Path) -> None:
    """Do the job of a page in its folder, unless just that is there already, and note commit and day."""
    if not (out / MARKER).is_file() or (out / "page.toml").read_text(encoding="utf-8") != page.text():
        job(page, out)
        (out / STAMP).write_text(f"{commit()} {datetime.now(UTC):%Y-%m-%d}", encoding="utf-8")


def commit() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()


def head(title: str, command: str, runs: Iterable[Path]) -> list[str]:
    """Title, command, and commit and day of each run that is done."""
    stamps = [f"{run.name}: {(run / STAMP).read_text()}" for run in runs if (run / STAMP).is_file()]
    return [f"# {title}", "", f"`{command}`", f"(commit and day of each: {'; '.join(stamps)}; {os.cpu_count()} cores)"]


def table(names: list[str], body: list[list[str]]) -> list[str]:
    return ["", *(f"| {' | '.join(row)} |" for row in [names, ["---"] * len(names), *body])]


def write(lines: list[str], out: Path | None) -> None:
    """Show the page of results, and keep it where a file is named."""
    text = "\n".join([*lines, ""])
    print(text)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")


def add(lines: list[str], out: Path | None, start: str) -> None:
    """Show lines, and add them to the page of results where a file is named; a new page has a start."""
    text = "\n".join([*lines, ""])
    print(text, end="", flush=True)
    if out:
        before = out.read_text(encoding="utf-8") if out.exists() else start
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(before + text, encoding="utf-8")


def read(path: Path) -> Dataset:
    """The dataset of a file of lines "user item item …"."""
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return from_sequences({user: items for user, *items in lines})


def ends(low: float | None, high: float | None, places: int = 4) -> str:
    """An interval."""
    return "" if low is None or high is None else f"{low:.{places}f} to {high:.{places}f}"
