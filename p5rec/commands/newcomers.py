"""Items that joined a finished run: read from tables, kept in its store, and found there when it is opened again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from p5rec.commands.made import STORE
from p5rec.commands.page import Page
from p5rec.contracts import Dataset, Store
from p5rec.core.errors import InputError
from p5rec.core.progress import say
from p5rec.data.encode import as_address
from p5rec.data.growing import faults
from p5rec.data.queries import UNKNOWN
from p5rec.data.read import collect, scan
from p5rec.data.sides import beside, ident_of


def rows(items: Any, dataset: Dataset) -> list[dict[str, Any]]:
    """Rows of a table as JSON values, the id as text under ``item_id``.

    Args:
        items: a polars or pandas frame, a path, or mappings.
        dataset: whose items they join.

    Raises:
        InputError: it is none of these, or rows have no id.
    """
    found = [{name: plain(value) for name, value in row.items()} for row in _rows(items, dataset)]
    own = ident(dataset)
    for row in found:
        if "item_id" not in row and own in row:
            row["item_id"] = row.pop(own)
    if missing := [n for n, row in enumerate(found, 1) if row.get("item_id") in (None, "")]:
        raise InputError([f"item row {n}: there is no item_id; expected the id of the new item" for n in missing])
    return [{**row, "item_id": str(row["item_id"])} for row in found]


def _rows(items: Any, dataset: Dataset) -> list[dict[str, Any]]:
    if isinstance(items, str | Path):
        return beside(collect(scan(items).frame, str(items)), dataset.schema.items, Path(items).parent).to_dicts()
    if isinstance(items, pl.DataFrame):
        return items.to_dicts()
    if type(items).__module__.split(".")[0] == "pandas":
        return pl.from_pandas(items).to_dicts()
    if isinstance(items, Sequence) and all(isinstance(row, Mapping) for row in items):
        return [dict(row) for row in items]
    raise InputError(
        f"items: found {type(items).__name__}, expected a polars or pandas frame, a file or a list of rows"
    )


def plain(value: Any) -> Any:
    """A value as JSON has it: files as addresses, times in ISO form, what is not a number as missing, in tables too."""
    if isinstance(value, bytes):
        return as_address(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return plain(float(value))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "tolist"):  # of numpy
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return value


def keep(page: Page, folder: Path, new: Sequence[Mapping[str, Any]]) -> None:
    """Write rows into the store of a run."""
    with closing(_store(page, folder)) as store:
        store.put_items(new)


def kept(dataset: Dataset, page: Page, folder: Path) -> list[dict[str, Any]]:
    """The rows in the store of a run that are not in its data; those that do not fit it are told and left out."""
    if not (folder / STORE).is_dir():
        return []
    with closing(_store(page, folder)) as store:
        found = [row for row in store.items() if dataset.items.number(row["item_id"]) == UNKNOWN]
    wrong = {row["item_id"]: why[0] for row in found if (why := faults(dataset, [row]))}
    if wrong:
        first = next(iter(wrong.values()))
        say(f"{len(wrong)} items that joined earlier do not fit this run and are left out: {first}")
    return [row for row in found if row["item_id"] not in wrong]


def ident(dataset: Dataset) -> str:
    """What the item table calls its id."""
    return ident_of(dataset.schema.items) if dataset.schema.items else "item_id"


def _store(page: Page, folder: Path) -> Store:
    made: Store = page.store.make(folder / STORE)
    return made
