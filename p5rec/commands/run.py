"""The whole job: prepare → train → choose → refit → evaluate, in one folder that serves as it is."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from p5rec.commands import ask, assemble, comparison, evaluate, prepare, pupils, samples, show, stages
from p5rec.commands.folders import own_files
from p5rec.commands.made import DATA, LEARNED, PAGE, PLUGS, STAGES, Lore, Made
from p5rec.commands.page import Page
from p5rec.core import artifact
from p5rec.core.errors import InputError
from p5rec.core.progress import measured, say
from p5rec.data.dataset import Dataset
from p5rec.evaluation.report import FILES, Report, write
from p5rec.evaluation.table import table


def run(page: Page, out: Path) -> Report:
    """Do the whole job of a page into a folder; a folder cut off in the middle goes on where it was.

    Raises:
        InputError: a fault of the page or the data.
    """
    with measured() as cost:
        made = _make(page, out, None)
        report = comparison.added(made, out, evaluate.report(made))
        write(out, report)
        _finish(out, made, report.serves, report)
    say(f"done in {cost.seconds:.0f} s, peak memory {cost.peak_mb:,.0f} MB")
    return report


def train(page: Page, out: Path, dataset: Dataset | None = None) -> None:
    """The job without its measurement on test rows."""
    made = _make(page, out, dataset)
    _finish(out, made, evaluate.chosen(made), None)


def tell(report: Report, out: Path, screen: Console) -> None:
    """The end of a run for the person who started it: data, table, titles, where things lie, how to serve."""
    screen.print(headline(report), markup=False)
    for sentence in remarks(report):
        screen.print(f"· {sentence}", markup=False)
    screen.print(table(report))
    if report.protocol.ranking != "pairs":
        with ask.opened(out) as counter:
            known = counter.recommender.dataset
            users = known.users.keys(samples.users(known))
            show.recommendations(counter.recommender, *counter.recommend(users, None, 10), screen)
    screen.print(
        f"\nartifact  {out}\nreport    {out / 'report.html'}\nserve it  {sys.argv[0]} serve {out}", markup=False
    )


def headline(report: Report) -> str:
    """What the data is, in a line."""
    data = report.data
    licence = (data.get("source") or {}).get("licence", "")
    counts = f"{data['users']:,} users, {data['items']:,} items, {data['events']:,} events"
    return f"{report.title}: {counts}" + (f"\n{licence}" if licence else "")


def remarks(report: Report) -> list[str]:
    """What must not be overlooked: rows left out and why, notes on the data, doubts about the comparison."""
    left_out = [
        f"left out: {one['rows']:,} rows, {one['reason']} ({one['stage']})" for one in report.dropped if one["rows"]
    ]
    worth = [report.comparison.sentence()] if report.comparison else []
    return [*left_out, *report.data.get("notes", []), *(found.sentence for found in report.findings), *worth]


def _make(page: Page, out: Path, dataset: Dataset | None) -> Made:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: this is a file; expected a folder for the run, or a new name")

    def accept(found: Dataset) -> None:
        """Refuse before anything is written; from here on, until the end, the folder is no finished run."""
        evaluate.doubts(Made(page, found, {}, {}, Lore()))
        if (out / artifact.MARKER).exists():
            say(f"{out}: there is a finished run; what this page makes otherwise takes its place")
        for name in (artifact.MARKER, *FILES):
            (out / name).unlink(missing_ok=True)

    if dataset is None:
        dataset = prepare.run(page, out / DATA, accept)
    else:
        accept(dataset)
        dataset = prepare.adopt(dataset, out / DATA)
    for sentence in assemble.aside(page, dataset):
        say(sentence)
    return stages.run(page, dataset, out)


def _finish(out: Path, made: Made, serves: str, report: Report | None) -> None:
    """Write what a served run needs, the marker last."""
    artifact.write_file(out / PAGE, made.page.text())
    texts = {name: f"{STAGES}/{name}.txt" for name in made.learned.texts}
    for name, file in texts.items():
        (out / file).parent.mkdir(exist_ok=True)
        artifact.write_file(out / file, made.learned.texts[name])
    artifact.write_json(out / LEARNED, {"learned": made.learned, "seconds": made.seconds, "texts": texts})
    _keep_own_plugs(made.page, out / PLUGS)
    models = {name: one.facts["made_by"] for name, one in made.final.items()}
    recipes = {name: pupils.recipe(made.page, name) for name in made.page.responders}
    told = json.dumps([models, recipes, made.learned.told(), serves], sort_keys=True)
    facts = {
        "version": hashlib.sha256(told.encode()).hexdigest()[:12],
        "serves": serves,
        "plugs": made.page.plugs,
        "fitted_on": made.page.run.evaluate.fitted_on,
        "ancestry": {"data": made.dataset.facts.get("fingerprint"), "models": models, **_starts(made)},
        "cursor": 0,  # of the live log: events up to it are in the data already
        "test": {} if report is None else {row.name: dict(row.test) for row in report.rows},
    }
    artifact.mark(out, "recommender", facts)


def _starts(made: Made) -> dict[str, Any]:
    """Model → the trained one it started from."""
    starts = {name: one.facts["start"] for name, one in made.final.items() if "start" in one.facts}
    plain = {name: {key: start[key] for key in ("run", "model", "version")} for name, start in starts.items()}
    return {"starts": plain} if plain else {}


def _keep_own_plugs(page: Page, folder: Path) -> None:
    """Copies of the user's own plug files, so that the artifact can be opened elsewhere."""
    kept = {folder / path.parent.name / path.name: path.read_bytes() for path in own_files(page.plugs)}
    shutil.rmtree(folder, ignore_errors=True)  # only now: the files may be those of this folder
    for target, content in kept.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        artifact.write_file(target, content)
