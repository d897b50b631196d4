"""Words written with events (reviews, headlines): aligned with the events, on disk, read only where looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from p5rec.data.encode import as_text
from p5rec.data.events import Tables
from p5rec.data.names import TEXTS, canonical
from p5rec.data.read import named
from p5rec.data.schema import Role, Schema

BATCH = 1 << 15  # so many texts are Python strings at a time
SAMPLE = 10_000  # texts whose words are counted for the facts


@dataclass(frozen=True)
class TextColumn:
    """N texts in the layout of an Arrow ``large_string``, memory-mapped; an empty text is a missing one.

    Attributes:
        data: (bytes,) uint8, all texts in UTF-8, one behind the other.
        offsets: (M + 1,) int64, where each text begins, and the end.
        rows: (N,) the text of each row, None where row n is text n.
    """

    data: np.ndarray
    offsets: np.ndarray
    rows: np.ndarray | None = None

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> TextColumn:
        """A column in memory."""
        encoded = [(text or "").encode() for text in texts]
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), np.cumsum([0, *map(len, encoded)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1 if self.rows is None else len(self.rows)

    @property
    def known(self) -> np.ndarray:
        """(N,) bool: where there is a text."""
        filled = np.diff(self.offsets) > 0
        return filled if self.rows is None else filled[self.rows]

    def take(self, places: np.ndarray) -> list[str | None]:
        """The texts at (P,) places; None where there is none, and at -1."""
        places = np.asarray(places, dtype=np.int64)
        wanted = places if self.rows is None or not len(self.rows) else self.rows[places]
        buffers = [None, pa.py_buffer(self.offsets), pa.py_buffer(self.data)]
        texts = pa.Array.from_buffers(pa.large_string(), len(self.offsets) - 1, buffers)
        taken = texts.take(pa.array(wanted, mask=places < 0))
        return [text or None for text in taken.to_pylist()]

    def batches(self) -> Iterator[list[str | None]]:
        """All texts in order, a batch at a time."""
        for start in range(0, len(self), BATCH):
            yield self.take(np.arange(start, min(start + BATCH, len(self))))

    def at(self, rows: np.ndarray) -> TextColumn:
        """The column whose row n is row ``rows[n]`` of this one; nothing is copied."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def facts(self) -> dict[str, Any]:
        """How many texts there are, and how many words they have on average (of an even sample)."""
        known = np.flatnonzero(self.known)
        sample = self.take(known[:: max(len(known) // SAMPLE, 1)])
        words = [len((text or "").split()) for text in sample]
        return {"count": len(known), "words": float(np.mean(words)) if words else 0.0}


def write(batches: Iterable[list[str | None]], place: Path) -> None:
    """Write a column to two files, ``place.utf8`` and ``place.npy``, with one batch in memory."""
    lengths = [np.zeros(1, dtype=np.int64)]
    with place.with_suffix(".utf8").open("wb") as file:
        for batch in batches:
            encoded = [(text or "").encode() for text in batch]
            file.write(b"".join(encoded))
            lengths.append(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)))
    np.save(place.with_suffix(".npy"), np.cumsum(np.concatenate(lengths)), allow_pickle=False)


def opened(place: Path) -> TextColumn:
    """What `write` wrote, memory-mapped; an empty file cannot be mapped."""
    path = place.with_suffix(".utf8")
    data = np.memmap(path, dtype=np.uint8, mode="r") if path.stat().st_size else np.zeros(0, dtype=np.uint8)
    return TextColumn(data, np.load(place.with_suffix(".npy"), mmap_mode="r", allow_pickle=False))


def columns_of(schema: Schema) -> dict[str, str]:
    """Name in the dataset → event column: ``review`` and ``headline`` whatever the file calls them, else its name."""
    return canonical((name for name, column in schema.events.items() if column.role == Role.TEXT), TEXTS)


def read(tables: Tables) -> dict[str, TextColumn]:
    """The texts of all rows of the event table in file order, cleaned, in temporary files that go with them.

    The table is streamed a second time, and must give its rows in the same order again.
    """
    columns, where = columns_of(tables.schema), tables.facts.get("events", "events")
    if not columns:
        return dict(tables.texts)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        whole = Path(folder) / "texts.arrow"
        with named(where):
            frame = tables.events.select(pl.col(column).alias(name) for name, column in columns.items())
            frame.sink_ipc(whole, compat_level=pl.CompatLevel.oldest())
        return {name: spooled(_cleaned(whole, name)) for name in columns}


def spooled(batches: Iterable[list[str | None]]) -> TextColumn:
    """A column in a temporary file, with one batch in memory; what is mapped outlives the name of the file."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        write(batches, Path(folder) / "texts")
        return opened(Path(folder) / "texts")


def _cleaned(path: Path, name: str) -> Iterator[list[str | None]]:
    """A column of an Arrow file, without HTML entities and outer blanks, a batch at a time."""
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            values = pl.Series(name, reader.get_batch(number).column(name))
            for start in range(0, len(values), BATCH):
                yield as_text(values[start : start + BATCH]).to_list()
