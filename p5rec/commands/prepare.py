"""Stage one: from files or frames to a dataset folder."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from p5rec.commands import start
from p5rec.commands.folders import own_files
from p5rec.commands.page import Page
from p5rec.core import artifact
from p5rec.core.errors import InputError
from p5rec.core.hub import speaks
from p5rec.core.progress import say
from p5rec.data import storage
from p5rec.data import template as templates
from p5rec.data.builder import assemble, estimate
from p5rec.data.dataset import Dataset, facts_of
from p5rec.data.encode import FeatureConfig
from p5rec.data.events import Tables

MADE_BY = "made_by.txt"  # what a dataset folder was made from, so that a second run need not make it again
OWN = ("source", "filter", "split")  # plugs of the user's own that shape a dataset


def run(page: Page, folder: Path, accept: Callable[[Dataset], None] = lambda dataset: None) -> Dataset:
    """Prepare the data of a page, or open it where the folder holds just that already.

    Args:
        page: the page.
        folder: where the dataset goes.
        accept: sees the dataset before it is written, and may refuse it.

    Raises:
        InputError: all faults of the input together; nothing is written then, and what stood there stays.
    """
    made_by = fingerprint(page)
    if made_by and _same(folder, made_by):
        say(f"data: {folder} is prepared already")
        dataset = storage.load(folder)
        accept(dataset)
        return dataset
    artifact.free(folder, "dataset")
    inner = {name: chosen.make() for name, chosen in page.inner.items()}
    tables: Tables = page.source.make(*[inner] * bool(inner)).read()
    rows, size, seconds = estimate(tables)
    say(f"data: about {rows:,} rows; preparing takes about {seconds:.0f} s and {size / 2**20:,.0f} MB")
    section, filters = page.run.data, [chosen.make() for chosen in page.filters]
    spoken = templates.spoken()
    dataset = assemble(tables, filters, page.split.make(), language(page), section.target, page.run.seed, spoken)
    dataset = _with_words_of_start(page, dataset)
    accept(dataset)
    storage.save(dataset, folder)
    artifact.write_file(folder / MADE_BY, made_by)
    return storage.load(folder)


def language(page: Page) -> FeatureConfig:
    """How columns become features; words are those of the net that a model reads with, where the page names no others.

    Raises:
        InputError: there is no such net.
    """
    features = page.run.data.features
    nets = [net for entry in page.models.values() if (net := getattr(entry.model.config, "backbone", ""))]
    if features.vocabulary is not None or not features.words:
        return features
    found = next((net for net in nets if speaks(net)), None)
    return features.model_copy(update={"vocabulary": found})


def _with_words_of_start(page: Page, dataset: Dataset) -> Dataset:
    """A model that starts from another keeps its words, and learns the new ones; one of a language model just keeps."""
    old = start.vocabulary(page)
    if old is None or dataset.words is None:
        return dataset
    with contextlib.suppress(InputError):
        return replace(dataset, words=old.join(dataset.words.tokens))
    return replace(dataset, words=old)


def adopt(dataset: Dataset, folder: Path) -> Dataset:
    """A dataset that was prepared before, in the folder of a run: an artifact holds all it needs."""
    with contextlib.suppress(InputError):
        if facts_of(folder).get("fingerprint") == dataset.facts.get("fingerprint"):
            return storage.load(folder)
    storage.save(dataset, folder)
    return storage.load(folder)


def fingerprint(page: Page) -> str:
    """What the prepared data depends on: settings, seed, sizes and times of all files; "" for frames in memory."""
    if "frame" in {page.source.name, *(chosen.name for chosen in page.inner.values())}:
        return ""
    data = page.run.data.model_copy(update={"features": language(page)})
    settings = [data.model_dump(mode="json"), page.source.config.model_dump(mode="json"), page.run.seed]
    own = [path.read_text(encoding="utf-8") for path in own_files(page.plugs) if path.parent.name in OWN]
    files = {str(path): _stamp(path) for value in _texts(settings) for path in _files(value)}
    starts = [
        [str(entry.start.run), entry.start.version] for entry in page.models.values() if entry.start and entry.start.run
    ]
    text = json.dumps([settings, own, files, templates.spoken(), *[starts] * bool(starts)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _texts(value: Any) -> Iterator[str]:
    """All texts of nested settings: any of them may name files, or a schema."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for inner in value.values() for text in _texts(inner))
    elif isinstance(value, list):
        yield from (text for inner in value for text in _texts(inner))


def _files(name: str) -> list[Path]:
    """The files behind a path, folder or glob; none where it is no path."""
    if any(sign in name for sign in "*?["):
        return [Path(found) for found in sorted(glob.glob(name)) if Path(found).is_file()]
    path = Path(name or os.devnull)
    return sorted(inner for inner in path.rglob("*") if inner.is_file()) if path.is_dir() else [path] * path.is_file()


def _stamp(path: Path) -> list[int]:
    facts = path.stat()
    return [facts.st_size, facts.st_mtime_ns]


def _same(folder: Path, made_by: str) -> bool:
    try:
        facts_of(folder)
        return (folder / MADE_BY).read_text(encoding="utf-8") == made_by
    except (InputError, OSError):
        return False
