"""RecBole's atomic files (``.inter``, ``.user``, ``.item``)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from p5rec.data.atomic_files import beside, scan_atomic
from p5rec.data.events import Tables
from p5rec.data.features import Kind
from p5rec.data.schema import ColumnSchema, Schema
from p5rec.data.stages import Source
from p5rec.data.tables import RoleOptions, assembled

TABLES = {"events": "inter", "users": "user", "items": "item"}


class Atomic(Source):
    """Kinds come from the types in the header, roles from the usual names."""

    class Config(RoleOptions):
        """Files and columns."""

        path: str = Field(description="folder with one .inter file, or that file")

    config: Config

    def read(self) -> Tables:
        """Lazy tables; see `Source.read`."""
        found = beside(Path(self.config.path))
        scans = {table: scan_atomic(found[suffix]) for table, suffix in TABLES.items() if suffix in found}
        opened = {table: scan for table, (scan, _) in scans.items()}
        tables = assembled(
            self.config, opened["events"], opened.get("users"), opened.get("items"), facts={"name": "atomic"}
        )
        if self.config.schema_path is not None:
            return tables
        typed = {table: _typed(getattr(tables.schema, table), kinds) for table, (_, kinds) in scans.items()}
        schema: Schema = tables.schema.model_copy(update=typed)
        return Tables(**{**vars(tables), "schema": schema})


def _typed(columns: dict[str, ColumnSchema], kinds: dict[str, Kind]) -> dict[str, ColumnSchema]:
    """Columns with the kinds of the header; ids and roles stay as recognised."""
    fixed = (Kind.ID, Kind.TIME)
    return {
        name: column if column.kind in fixed else column.model_copy(update={"kind": kinds[name]})
        for name, column in columns.items()
    }
