"""Amazon reviews with the field names of 2014, 2018 and 2023 (McAuley et al.; Ni et al., 2019; Hou et al., 2024)."""

from __future__ import annotations

import ast
from pathlib import Path

import polars as pl
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.events import Tables
from p5rec.data.features import Kind
from p5rec.data.read import Scan, files, first_bytes, opened, scan
from p5rec.data.schema import ColumnSchema, Role, Schema
from p5rec.data.stages import Source

# role → field names, the newest edition first; parent_asin joins the variants of a product
FIELDS = {
    Role.USER: ("user_id", "reviewerID"),
    Role.ITEM: ("parent_asin", "asin"),
    Role.LABEL: ("rating", "overall"),
    Role.TIME: ("timestamp", "unixReviewTime"),
}
# our name → fields of the words of a review
WORDS = {"review": ("text", "reviewText"), "headline": ("title", "summary")}
BREAK = r"<br\s*/?>"  # the edition of 2023 has such in its texts
# our name → fields of the metadata; sales ranks, averages and "also bought" know the test and are left out
META = {
    "title": ("title",),
    "brand": ("store", "brand"),
    "categories": ("categories", "category"),
    "price": ("price",),
    "description": ("description",),
    "image": ("imUrl", "imageURLHighRes"),
}
KINDS = {"title": Kind.TEXT, "brand": Kind.CATEGORY, "categories": Kind.LIST, "price": Kind.NUMBER}
KINDS |= {"description": Kind.TEXT, "image": Kind.IMAGE}
KEYS = {Role.USER: Kind.ID, Role.ITEM: Kind.ID, Role.LABEL: Kind.NUMBER, Role.TIME: Kind.TIME}


class Amazon(Source):
    """Stars, times and words of reviews, titles and categories of products."""

    class Config(Settings):
        """Files."""

        path: str = Field(description="reviews, JSON lines (gzipped or not) or a table with the same field names")
        items: str | None = Field(None, description="metadata of the products")
        texts: bool = Field(True, description="the words of reviews and their headlines are kept")

    config: Config

    def read(self) -> Tables:
        """Lazy tables; see `Source.read`."""
        reviews = scan(self.config.path)
        present = reviews.frame.collect_schema().names()
        named = {role: next((name for name in names if name in present), None) for role, names in FIELDS.items()}
        faults = [
            f"{self.config.path}: there is no field for the {role}; expected {' or '.join(FIELDS[role])}, found "
            f"{', '.join(present)}"
            for role, name in named.items()
            if name is None
        ]
        if faults:
            raise InputError(faults)
        columns = {str(name): ColumnSchema(kind=KEYS[role], role=role) for role, name in named.items()}
        words = _words(present) if self.config.texts else {}
        texts = {name: ColumnSchema(kind=Kind.TEXT, role=Role.TEXT) for name in words}
        items, about = self._metadata(str(named[Role.ITEM]))
        facts = {"name": "amazon", "events": self.config.path}
        return Tables(
            events=reviews.frame.select(*columns, *words.values()),
            schema=Schema(events=columns | texts, items=about, label_scale=(1.0, 5.0)),
            items=items,
            facts=facts | ({"items": self.config.items} if self.config.items else {}),
            rows=reviews.rows,
        )

    def _metadata(self, key: str) -> tuple[pl.LazyFrame | None, dict[str, ColumnSchema]]:
        """Products with the fields of all editions under one name each."""
        if self.config.items is None:
            return None, {}
        frame = _opened(self.config.items).frame
        present = frame.collect_schema()
        ident = next((name for name in (key, "parent_asin", "asin") if name in present), None)
        if ident is None:
            raise InputError(f"{self.config.items}: there is no field {key!r}; found {', '.join(present.names())}")
        found = {name: next((f for f in fields if f in present), None) for name, fields in META.items()}
        made = [_field(name, field, present[field]) for name, field in found.items() if field is not None]
        names = [name for name, field in found.items() if field is not None]
        about = {ident: ColumnSchema(kind=Kind.ID)} | {name: ColumnSchema(kind=KINDS[name]) for name in names}
        return frame.select(pl.col(ident), *made), about


def _words(present: list[str]) -> dict[str, pl.Expr]:
    """Review and headline, whatever the edition calls them."""
    found = {name: next((field for field in fields if field in present), None) for name, fields in WORDS.items()}
    return {
        name: pl.col(field).cast(pl.String).str.replace_all(BREAK, " ").alias(name)
        for name, field in found.items()
        if field is not None
    }


def _field(name: str, field: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(field)
    if name == "price":
        return column.cast(pl.String).str.replace_all(r"[$,\s]", "").cast(pl.Float64, strict=False).alias(name)
    if name in ("description", "image") and isinstance(dtype, pl.List):
        text = column.list.join(" ") if name == "description" else column.list.first()
        return text.alias(name)
    return column.alias(name)


def _opened(path: str) -> Scan:
    """Metadata; that of 2014 is written as Python literals rather than JSON."""
    first = files(path)[0]
    if not first_bytes(first, 64).lstrip().startswith(b"{'"):
        return scan(path)
    wanted = {"asin", *(field for fields in META.values() for field in fields)}
    rows = []
    for number, row in enumerate(_literals(first), 1):
        if "asin" not in row:
            raise InputError(f"{path}: row {number} has no asin")
        rows.append({name: value for name, value in row.items() if name in wanted})
    return Scan(pl.LazyFrame(rows, infer_schema_length=None, strict=False), path, len(rows))


def _literals(path: Path) -> list[dict[str, object]]:
    rows = []
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                rows.append(ast.literal_eval(line.decode("utf-8", "replace")))
            except (ValueError, SyntaxError):
                raise InputError(f"{path}: row {number} is neither JSON nor a Python literal") from None
    return rows
