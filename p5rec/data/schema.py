"""Kinds and roles of columns: printed, saved as an editable TOML, validated. `infer` guesses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import tomli_w
from pydantic import Field

from p5rec.core.artifact import write_file
from p5rec.core.config import Config, build, read_toml
from p5rec.core.errors import InputError, nearest
from p5rec.data.features import Kind


class Role(StrEnum):
    """What a column of the event table is for."""

    USER = "user"
    ITEM = "item"
    TIME = "time"
    LABEL = "label"
    EVENT_KIND = "event_kind"
    CONTEXT = "context"
    TEXT = "text"  # words written with the event; an outcome
    SPLIT = "split"
    IGNORE = "ignore"


class ColumnSchema(Config):
    """One column of a file."""

    kind: Kind = Field(description="id, category, number, text, time, vector, image, audio or list")
    role: Role | None = Field(None, description="role in the event table; none or ignore in user and item tables")


class Schema(Config):
    """The columns of the three tables by name, and the scale of the labels."""

    events: dict[str, ColumnSchema] = Field(description="columns of the event table")
    users: dict[str, ColumnSchema] = Field(default_factory=dict, description="columns of the user table")
    items: dict[str, ColumnSchema] = Field(default_factory=dict, description="columns of the item table")
    label_scale: tuple[float, float] | None = Field(None, description="lowest and highest label that is right")

    def column(self, role: Role) -> str | None:
        """The event column with a role, if there is one."""
        return next((name for name, column in self.events.items() if column.role == role), None)

    def describe(self) -> list[dict[str, str]]:
        """Rows to be printed: table, column, kind and role of each column."""
        return [
            {"table": table, "column": name, "kind": str(column.kind), "role": str(column.role or "")}
            for table in TABLES
            for name, column in getattr(self, table).items()
        ]

    def save(self, path: Path) -> None:
        """Write as TOML that a person can edit."""
        values = self.model_dump(mode="json", exclude_none=True)
        write_file(path, HEAD + tomli_w.dumps({key: value for key, value in values.items() if value}))

    @classmethod
    def load(cls, path: Path) -> Schema:
        """Read what `save` wrote.

        Raises:
            InputError: all faults of the file together.
        """
        schema = build(cls, read_toml(path), str(path))
        if faults := schema.faults(str(path)):
            raise InputError(faults)
        return schema

    def faults(self, where: str) -> list[str]:
        """What is wrong with the roles: one sentence each."""
        found = []
        for role in (Role.USER, Role.ITEM):
            if self.column(role) is None:
                found.append(
                    f"{where}: no event column has the role {role!s}; give it to the column with the {role} ids"
                )
        for role in Role:
            names = [name for name, column in self.events.items() if column.role == role]
            if len(names) > 1 and role not in (Role.CONTEXT, Role.TEXT, Role.IGNORE):
                found.append(f"{where}: the columns {', '.join(names)} all have the role {role!s}; only one can")
        for name, column in self.events.items():
            if column.role == Role.CONTEXT and column.kind not in USABLE:
                found.append(
                    f"{where}: the column {name!r} is of kind {column.kind}; context is a number or a category"
                )
            if column.role == Role.TEXT and column.kind != Kind.TEXT:
                found.append(f"{where}: the column {name!r} has the role text and is of kind {column.kind}; say text")
        for table in ("users", "items"):
            ids = [name for name, column in getattr(self, table).items() if column.kind == Kind.ID and not column.role]
            if getattr(self, table) and len(ids) != 1:
                found.append(f"{where}: the {table} table needs exactly one column of kind id, found {len(ids)}")
        return found

    def missing(self, table: str, present: Sequence[str], where: str) -> list[str]:
        """Columns the schema names that a file does not have: one sentence each."""
        wanted: Mapping[str, ColumnSchema] = getattr(self, table)
        return [
            f"{where}: there is no column {name!r}; {nearest(name, present)}" for name in wanted if name not in present
        ]


USABLE = (Kind.NUMBER, Kind.CATEGORY, Kind.TEXT, Kind.ID)
TABLES = ("events", "users", "items")
HEAD = f"""\
# The columns of the data. Edit it, and give it to a run as data.source.schema.
# kind: {", ".join(Kind)}
# role (event table only): {", ".join(Role)}
# In user and item tables the column of kind id names the row; role = "ignore" leaves a column out.
# label_scale = [lowest, highest]: a label outside is a fault.

"""
