"""Kinds and roles of columns: inferred, printed, saved as an editable TOML, validated."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from p5rec.core.config import Config
from p5rec.data.features import Kind


class Role(StrEnum):
    """What a column of the event table is for."""

    USER = "user"
    ITEM = "item"
    TIME = "time"
    LABEL = "label"
    EVENT_KIND = "event_kind"
    CONTEXT = "context"
    SPLIT = "split"
    IGNORE = "ignore"


class ColumnSchema(Config):
    """One column of a file."""

    kind: Kind = Field(description="id, category, number, text, time, vector, image, audio or list")
    role: Role | None = Field(None, description="role in the event table; none in user and item tables")


class Schema(Config):
    """The columns of the three tables by name, and the scale of the labels."""

    events: dict[str, ColumnSchema] = Field(description="columns of the event table")
    users: dict[str, ColumnSchema] = Field(default_factory=dict, description="columns of the user table")
    items: dict[str, ColumnSchema] = Field(default_factory=dict, description="columns of the item table")
    label_scale: tuple[float, float] | None = Field(None, description="lowest and highest label that is right")

    def column(self, role: Role) -> str | None:
        """The event column with a role, if there is one."""
        return next((name for name, column in self.events.items() if column.role == role), None)
