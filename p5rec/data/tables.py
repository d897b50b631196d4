"""From opened files to the tables of a source: what all sources that read columns have in common."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from pydantic import ConfigDict, Field

from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.data.events import Tables
from p5rec.data.features import Kind
from p5rec.data.infer import infer, mixed_ids
from p5rec.data.read import Scan, file_format, files, opened, scan
from p5rec.data.schema import ColumnSchema, Role, Schema
from p5rec.data.vectors import with_vectors

LINES = 10_000  # of JSON lines looked at for ids of mixed types


class RoleOptions(Config):
    """Which columns are what, where their names do not tell."""

    model_config = ConfigDict(populate_by_name=True)

    schema_path: str | None = Field(None, alias="schema", description="TOML of the columns, as `p5rec inspect` saves")
    user: str | None = Field(None, description="event column of the user ids")
    item: str | None = Field(None, description="event column of the item ids")
    time: str | None = Field(None, description="event column of the times")
    label: str | None = Field(None, description="event column of the ratings or other labels")
    event_kind: str | None = Field(None, description="event column of the event kinds (view, buy …)")
    split: str | None = Field(None, description="event column that says train, valid or test")
    context: list[str] = Field(default_factory=list, description="event columns known before the event")
    text: list[str] = Field(default_factory=list, description="event columns of words written with the event (reviews)")
    ignore: list[str] = Field(default_factory=list, description="event columns to leave out")
    item_vectors: dict[str, str] = Field(
        default_factory=dict, description="name → .npy of (rows, width) vectors in the order of the item table"
    )
    item_links: dict[str, str] = Field(
        default_factory=dict, description="name → table of linked items: pairs, or triples of item, relation and thing"
    )
    user_links: dict[str, str] = Field(
        default_factory=dict, description="name → table of linked users: pairs (friends), or triples as of items"
    )

    def roles(self) -> dict[Role, str | list[str]]:
        """The event columns that were named, by role."""
        several = (Role.CONTEXT, Role.TEXT, Role.IGNORE)
        single = {role: getattr(self, str(role)) for role in Role if role not in several}
        named: dict[Role, str | list[str]] = {role: name for role, name in single.items() if name is not None}
        return named | {role: getattr(self, str(role)) for role in several}


class TableOptions(RoleOptions):
    """Where the tables are, and which columns are what."""

    path: str = Field(description="file, folder or glob of the events")
    users: str | None = Field(None, description="table of users, one row each")
    items: str | None = Field(None, description="table of items, one row each")


def opened_tables(options: TableOptions, name: str) -> Tables:
    """The tables at the paths of the options, columns recognised.

    Raises:
        InputError: what cannot be read or recognised.
    """
    events = scan(options.path)
    users = scan(options.users) if options.users else None
    items = scan(options.items) if options.items else None
    return assembled(options, events, users, items, facts={"name": name})


def assembled(
    options: RoleOptions,
    events: Scan,
    users: Scan | None = None,
    items: Scan | None = None,
    *,
    ordered: bool = False,
    facts: Mapping[str, str] | None = None,
) -> Tables:
    """Tables of opened files, with the schema given or inferred.

    Raises:
        InputError: a column is missing, not recognised, or its ids have mixed types.
    """
    items, notes = with_vectors(items, options.item_vectors)
    schema = _given(options, events, users, items) or infer(events, users, items, options.roles(), ordered)
    if faults := schema.faults(events.name) + _mixed(events, schema):
        raise InputError(faults)
    names = {"events": events.name}
    names |= {name: table.name for name, table in (("users", users), ("items", items)) if table}
    return Tables(
        events=events.frame,
        schema=schema,
        users=users.frame if users else None,
        items=items.frame if items else None,
        ordered=ordered,
        facts={**names, **(facts or {})},
        rows=events.rows,
        links={
            side: {name: scan(path) for name, path in paths.items()}
            for side, paths in (("users", options.user_links), ("items", options.item_links))
        },
        notes=notes,
    )


def _given(options: RoleOptions, events: Scan, users: Scan | None, items: Scan | None) -> Schema | None:
    if options.schema_path is None:
        return None
    schema = Schema.load(Path(options.schema_path))
    faults = []
    for name, table in (("events", events), ("users", users), ("items", items)):
        if table is not None:
            faults += schema.missing(name, table.frame.collect_schema().names(), table.name)
    if faults:
        raise InputError(faults)
    return schema


def _mixed(events: Scan, schema: Schema) -> list[str]:
    """Ids of mixed types in JSON lines, which the table library would read as text without a word."""
    try:
        first = files(events.name)[0]
    except InputError:
        return []
    if not first.is_file() or file_format(first) != "jsonl":
        return []
    columns = [name for name, column in schema.events.items() if column.role in (Role.USER, Role.ITEM)]
    with opened(first) as file:
        lines = [line.decode("utf-8", "replace") for line in islice(file, LINES) if line.strip()]
    return mixed_ids(lines, columns, events.name)


def ident(column_kind: Kind = Kind.ID, role: Role | None = None) -> ColumnSchema:
    """A column of a schema that a source knows by heart."""
    return ColumnSchema(kind=column_kind, role=role)
