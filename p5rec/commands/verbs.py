"""The verbs in Python; each does what the command of the same name does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from p5rec.commands import comparison
from p5rec.commands import prepare as prepare_stage
from p5rec.commands import run as run_stage
from p5rec.commands import tune as tune_stage
from p5rec.commands.page import read
from p5rec.commands.recommender import Recommender
from p5rec.data import storage
from p5rec.data.dataset import Dataset
from p5rec.evaluation.report import Report
from p5rec.evaluation.search import Search


def prepare(
    source: Any,
    out: str | Path,
    settings: Iterable[str] = (),
    users: Any = None,
    items: Any = None,
    **section: Any,
) -> Dataset:
    """From a raw log to a dataset folder.

    Args:
        source: path of a file or folder, ``"movielens"`` (fetched), or a pandas or polars frame.
        out: folder to write.
        settings: changes to the page, ``"data.split=global_time"``.
        users, items: tables of users and items: paths, or frames where `source` is one.
        section: further keys of the page's ``[data]``, e.g. ``split="global_time"``.

    Raises:
        InputError: all faults of the input together.
    """
    values: dict[str, Any] = {"data": dict(section), "evaluate": {"baselines": False}}
    if isinstance(source, str | Path):
        values["data"]["source" if str(source) == "movielens" else "path"] = str(source)
        values["data"] |= {key: str(table) for key, table in (("users", users), ("items", items)) if table is not None}
        return prepare_stage.run(read(values, settings), Path(out))
    frames = {
        key: table for key, table in (("events", source), ("users", users), ("items", items)) if table is not None
    }
    values["data"]["source"] = {"name": "frame", **frames}
    return prepare_stage.run(read(values, settings), Path(out))


def run(page: str | Mapping[str, Any], out: str | Path, settings: Iterable[str] = ()) -> Recommender:
    """The whole job: prepare → train → evaluate; the recommender it made.

    Args:
        page: a page file, the name of a shipped page, or the page's values.
        out: folder of the run.
        settings: changes, ``"model.sasrec.width=64"``.
    """
    run_stage.run(read(page, settings), Path(out))
    return load(out)


def train(
    page: str | Mapping[str, Any],
    out: str | Path,
    settings: Iterable[str] = (),
    data: str | Path | Dataset | None = None,
) -> Recommender:
    """Train the models of a page on its own data, or on a prepared dataset, and choose its responders' weights."""
    dataset = storage.load(Path(data)) if isinstance(data, str | Path) else data
    run_stage.train(read(page, settings, prepared=dataset is not None), Path(out), dataset)
    return load(out)


def tune(page: str | Mapping[str, Any], out: str | Path, settings: Iterable[str] = ()) -> Search:
    """Search the settings that the page's ``[tune]`` names, on validation rows; a search that was cut off goes on.

    Args:
        page: a page file, the name of a shipped page, or the page's values.
        out: folder of the search: study.db, best.toml, tune.html, trials.csv, trials.json.
        settings: changes, ``"tune.trials=50"``.
    """
    return tune_stage.run(read(page, settings), Path(out))


def evaluate(folder: str | Path) -> Report:
    """Measure a trained run: writes its report.html and report.json."""
    return comparison.run(Path(folder))


def load(folder: str | Path) -> Recommender:
    """Open the folder of a finished run."""
    return Recommender.load(folder)
