"""Datasets on disk: a folder of memory-mapped columns, vocabularies and JSON; loading reads no column."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

from p5rec.core import artifact
from p5rec.core.errors import InputError
from p5rec.data import event_texts
from p5rec.data.dataset import Dataset, facts_of
from p5rec.data.features import Column, Features, Kind
from p5rec.data.growing import grow as grow
from p5rec.data.phrases import Phrases
from p5rec.data.ragged import Ragged
from p5rec.data.schema import Schema
from p5rec.data.vocabulary import Vocabulary
from p5rec.data.words import Words

TEXTS = (Kind.TEXT, Kind.IMAGE, Kind.AUDIO)
CHUNK = 1 << 24
WORDS, PHRASES = "words.json", "phrases.json"


def save(dataset: Dataset, folder: Path) -> None:
    """Write a dataset, whole or not at all; ``facts["fingerprint"]`` is a hash of its content."""
    with artifact.writing(folder, "dataset") as beside:
        (beside / "events").mkdir()
        for number, values in enumerate(dataset.events.values()):
            _write(beside / "events" / f"{number}.npy", values)
        _write(beside / "bounds.npy", dataset.bounds)
        dataset.users.save(beside / "users.arrow")
        dataset.items.save(beside / "items.arrow")
        if dataset.words is not None:
            dataset.words.save(beside / WORDS)
        if dataset.phrases is not None:
            dataset.phrases.save(beside / PHRASES)
        about = {
            "events": list(dataset.events),
            "kinds": list(dataset.kinds),
            "target": dataset.target,
            "seed": dataset.seed,
            "refitted": dataset.refitted,
            "schema": dataset.schema.model_dump(mode="json"),
            "user_features": _save_features(dataset.user_features, beside / "user_features"),
            "item_features": _save_features(dataset.item_features, beside / "item_features"),
        }
        if dataset.texts:
            about["texts"] = _save_texts(dataset, beside / "texts")
        artifact.write_json(beside / "dataset.json", about)
        facts = {**dataset.facts, "fingerprint": fingerprint(beside)}
        artifact.write_json(beside / "facts.json", facts)
        artifact.mark(beside, "dataset", {"fingerprint": facts["fingerprint"]})


def load(folder: Path) -> Dataset:
    """Open what `save` wrote; columns are memory-mapped, features read when they are looked at.

    Raises:
        InputError: the folder is missing, unfinished, damaged, of another kind or of a later format.
    """
    facts = facts_of(folder)
    try:
        about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        return Dataset(
            users=Vocabulary.load(folder / "users.arrow"),
            items=Vocabulary.load(folder / "items.arrow"),
            events={name: _read(folder / "events" / f"{n}.npy") for n, name in enumerate(about["events"])},
            bounds=_read(folder / "bounds.npy"),
            user_features=_load_features(about["user_features"], folder / "user_features"),
            item_features=_load_features(about["item_features"], folder / "item_features"),
            schema=Schema.model_validate(about["schema"]),
            facts=facts,
            kinds=tuple(about["kinds"]),
            target=about["target"],
            seed=about["seed"],
            refitted=about["refitted"],
            words=Words.load(folder / WORDS) if (folder / WORDS).is_file() else None,
            phrases=Phrases.load(folder / PHRASES) if (folder / PHRASES).is_file() else None,
            texts={
                name: event_texts.opened(folder / "texts" / place) for name, place in about.get("texts", {}).items()
            },
        )
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{folder}: this dataset is damaged ({error}); prepare it again") from None


def fingerprint(folder: Path) -> str:
    """A hash of all files below a folder, names and content; facts and marker are not counted."""
    total = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("facts.json", artifact.MARKER):
            total.update(path.relative_to(folder).as_posix().encode())
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    total.update(chunk)
    return total.hexdigest()


class _Lazy(Mapping[str, Column]):
    """Columns by name, read from their folder when first looked at."""

    def __init__(self, about: Mapping[str, dict[str, Any]], folder: Path) -> None:
        self._about, self._folder = about, folder
        self._read: dict[str, Column] = {}

    def __getitem__(self, name: str) -> Column:
        if name not in self._read:
            self._read[name] = _load_column(self._about[name], self._folder)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._about)

    def __len__(self) -> int:
        return len(self._about)

    def kind(self, name: str) -> Kind:
        """The kind of a column, without reading it."""
        return Kind(self._about[name]["kind"])


def _save_features(features: Features, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    columns = {}
    for number, (name, column) in enumerate(features.columns.items()):
        columns[name] = {
            "file": str(number),
            "kind": str(column.kind),
            "levels": list(column.levels),
            "scale": list(column.scale),
        }
        _save_values(column, folder / str(number))
    return {"count": features.count, "columns": columns}


def _save_texts(dataset: Dataset, folder: Path) -> dict[str, str]:
    """Name → file of the texts of the events."""
    folder.mkdir()
    places = {name: str(number) for number, name in enumerate(dataset.texts)}
    for name, place in places.items():
        event_texts.write(dataset.texts[name].batches(), folder / place)
    return places


def _save_values(column: Column, place: Path) -> None:
    if isinstance(column.values, Ragged):
        rows = column.values.compact()
        _write(place.with_suffix(".npy"), rows.values)
        _write(place.with_suffix(".stops.npy"), rows.stops)
    elif column.kind in TEXTS:
        texts = pa.table({"text": pa.array(column.values.tolist(), type=pa.large_string())})
        feather.write_feather(texts, str(place.with_suffix(".arrow")), compression="uncompressed")
    else:
        _write(place.with_suffix(".npy"), column.values)


def _load_features(about: Mapping[str, Any], folder: Path) -> Features:
    return Features(about["count"], _Lazy(about["columns"], folder))


def _load_column(about: Mapping[str, Any], folder: Path) -> Column:
    kind, place = Kind(about["kind"]), folder / about["file"]
    values: np.ndarray | Ragged
    if kind in TEXTS:
        texts = feather.read_table(place.with_suffix(".arrow"), memory_map=True).column("text")
        values = np.array(texts.to_pylist(), dtype=object)
    elif kind in (Kind.LIST, Kind.LINK):
        stops = _read(place.with_suffix(".stops.npy"))
        values = Ragged(_read(place.with_suffix(".npy")), np.concatenate([[0], stops[:-1]]), stops)
    else:
        values = _read(place.with_suffix(".npy"))
    return Column(kind, values, tuple(about["levels"]), (about["scale"][0], about["scale"][1]))


def _write(path: Path, values: np.ndarray) -> None:
    np.save(path, np.ascontiguousarray(values), allow_pickle=False)


def _read(path: Path) -> np.ndarray:
    """Memory-mapped; an empty array cannot be mapped and is read."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        return np.load(path, allow_pickle=False)
