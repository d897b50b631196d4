"""Show the schema that is inferred from a file, and save it as TOML to edit."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from p5rec.commands.folders import choose
from p5rec.core.errors import InputError
from p5rec.data.guess import guess


def run(file: str, screen: Console, out: Path | None) -> None:
    """Print kinds and roles of the columns; with `out` also write them as an editable TOML.

    Raises:
        InputError: the file is missing or cannot be read.
    """
    tables = choose("source", {"name": guess(file), "path": file}, "inspect").make().read()
    shown = Table(title=Text(file, "italic"), title_justify="left", box=None, padding=(0, 2, 0, 0))
    rows = tables.schema.describe()
    for head in rows[0] if rows else ():
        shown.add_column(Text(str(head)))
    for row in rows:
        shown.add_row(*(Text(str(value)) for value in row.values()))
    screen.print(shown)
    if out is not None:
        if out.exists():
            raise InputError(f"{out}: this file exists already; give --out another name")
        tables.schema.save(out)
        screen.print(f"schema: {out}; edit it and give it back with --set data.source.schema={out}", markup=False)
