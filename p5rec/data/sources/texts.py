"""Texts with a number each (reviews with stars): every row is an item of its own, known by its words."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.events import Tables
from p5rec.data.features import Kind
from p5rec.data.names import TEXTS, canonical, plain, recognise
from p5rec.data.read import scan
from p5rec.data.schema import ColumnSchema, Role, Schema
from p5rec.data.stages import Source

USER, ITEM, LABEL, ROW = "author", "text_id", "label", "row"
GOLDEN = 0.6180339887498949  # its multiples, without the whole part, are spread evenly wherever one stops


class Texts(Source):
    """Words and a number in each row, of any table; rows without a number are words to learn from, and no more.

    What was written on (a product) does not count; the author does only in that intervals draw authors, not rows.
    """

    class Config(Settings):
        """File and columns."""

        path: str = Field(description="table of texts: CSV, TSV, Parquet or JSON lines, gzipped or not")
        text: list[str] = Field(default_factory=list, description="columns of words; by their usual names if none")
        label: str | None = Field(None, description="column of the numbers; by its usual name if none")
        labelled: float = Field(1.0, gt=0, le=1, description="share of the numbers that are used")

    config: Config

    def read(self) -> Tables:
        """Lazy tables; see `Source.read`.

        Raises:
            InputError: no column holds words, or none the numbers.
        """
        rows = scan(self.config.path)
        names = rows.frame.collect_schema().names()
        texts, label = self._columns(names)
        author = recognise(names, Role.USER)
        own = pl.format("text {}", pl.col(ROW) + 1)
        frame = rows.frame.drop(ROW, strict=False).with_row_index(ROW)
        who = pl.coalesce(pl.col(author).cast(pl.String), own) if author else own
        told = pl.col(label).cast(pl.String).str.strip_chars().fill_null("") != ""
        used = (pl.col(ROW) * GOLDEN) % 1 < self.config.labelled
        return Tables(
            events=frame.filter(told & used).select(who.alias(USER), own.alias(ITEM), pl.col(label).alias(LABEL)),
            schema=Schema(
                events={
                    USER: ColumnSchema(kind=Kind.ID, role=Role.USER),
                    ITEM: ColumnSchema(kind=Kind.ID, role=Role.ITEM),
                    LABEL: ColumnSchema(kind=Kind.NUMBER, role=Role.LABEL),
                },
                items={ITEM: ColumnSchema(kind=Kind.ID), **{name: ColumnSchema(kind=Kind.TEXT) for name in texts}},
            ),
            items=frame.select(own.alias(ITEM), *(pl.col(column).alias(name) for name, column in texts.items())),
            facts={"name": "texts", "events": self.config.path, "items": self.config.path},
            rows=rows.rows,
        )

    def _columns(self, names: list[str]) -> tuple[dict[str, str], str]:
        """Name → column of words, the headline first; and the column of the numbers."""
        usual = {one for several in TEXTS.values() for one in several}
        texts = self.config.text or [name for name in names if plain(name) in usual]
        label = self.config.label or recognise(names, Role.LABEL)
        faults = [
            f"{self.config.path}: there is no column {name!r}; it has: {', '.join(names)}"
            for name in (*self.config.text, *([self.config.label] if self.config.label else []))
            if name not in names
        ]
        if not texts:
            faults.append(f"{self.config.path}: no column of words was recognised; say data.source.text=[COLUMN]")
        if label is None:
            faults.append(f"{self.config.path}: no column of numbers was recognised; say data.source.label=COLUMN")
        if faults or label is None:
            raise InputError(faults)
        found = canonical(texts, TEXTS)
        return {name: found[name] for name in sorted(found, key=lambda name: name != "headline")}, label
