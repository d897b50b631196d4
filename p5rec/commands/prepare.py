"""Stage one: from files or frames to a dataset folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from p5rec.commands.page import Page
from p5rec.core.errors import InputError
from p5rec.core.progress import say
from p5rec.data import storage
from p5rec.data.builder import estimate, prepare
from p5rec.data.dataset import Dataset, facts_of
from p5rec.data.events import Tables

MADE_BY = "made_by.json"  # what a dataset folder was made from, so that a second run need not make it again


def run(page: Page, folder: Path) -> Dataset:
    """Prepare the data of a page, or open it where the folder holds just that already.

    Raises:
        InputError: all faults of the input together; nothing is left behind.
    """
    made_by = fingerprint(page)
    if made_by and _same(folder, made_by):
        say(f"data: {folder} is prepared already")
        return storage.load(folder)
    tables: Tables = page.source.make().read()
    rows, size, seconds = estimate(tables)
    say(f"data: about {rows:,} rows; preparing takes about {seconds:.0f} s and {size / 2**20:,.0f} MB")
    dataset = prepare(
        tables,
        folder,
        filters=[chosen.make() for chosen in page.filters],
        split=page.split.make(),
        features=page.run.data.features,
        target=page.run.data.target,
        seed=page.run.seed,
    )
    (folder / MADE_BY).write_text(made_by, encoding="utf-8")
    return dataset


def adopt(dataset: Dataset, folder: Path) -> Dataset:
    """A dataset that was prepared before, in the folder of a run: an artifact holds all it needs."""
    with contextlib.suppress(InputError):
        if facts_of(folder).get("fingerprint") == dataset.facts.get("fingerprint"):
            return storage.load(folder)
    storage.save(dataset, folder)
    return storage.load(folder)


def fingerprint(page: Page) -> str:
    """What the prepared data depends on: data section, seed, sizes and times of files; "" for frames in memory."""
    section = page.run.data
    if page.source.name == "frame":
        return ""
    files = {}
    for name in (section.path, section.users, section.items):
        for path in sorted(_files(name)):
            facts = path.stat()
            files[str(path)] = [facts.st_size, facts.st_mtime_ns]
    text = json.dumps([section.model_dump(mode="json"), page.run.seed, files], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _files(name: str | None) -> list[Path]:
    if name is None:
        return []
    path = Path(name)
    return [inner for inner in path.iterdir() if inner.is_file()] if path.is_dir() else [path] * path.exists()


def _same(folder: Path, made_by: str) -> bool:
    try:
        facts_of(folder)
        return (folder / MADE_BY).read_text(encoding="utf-8") == made_by
    except (InputError, OSError):
        return False
