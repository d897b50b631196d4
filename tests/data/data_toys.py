"""Small files and the datasets made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from p5rec.core.errors import InputError
from p5rec.data.builder import assemble
from p5rec.data.dataset import Dataset
from p5rec.data.encode import FeatureConfig
from p5rec.data.events import Tables
from p5rec.data.sources.frame import Frame
from p5rec.data.sources.table import Table
from p5rec.data.splits.leave_one_out import LeaveOneOut
from p5rec.data.stages import Filter, Split

HEAD = "user_id,item_id,rating,timestamp\n"


def written(folder: Path, text: str | bytes, name: str = "events.csv") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def read(path: str, **settings: Any) -> Tables:
    return Table(Table.Config(path=path, **settings)).read()


def frames(events: pl.DataFrame, **settings: Any) -> Tables:
    return Frame(Frame.Config(events=events, **settings)).read()


def made(
    tables: Tables,
    split: Split | None = None,
    filters: Sequence[Filter] = (),
    target: str | None = None,
    seed: int = 0,
    **features: Any,
) -> Dataset:
    """The dataset in memory."""
    chosen = split or LeaveOneOut(LeaveOneOut.Config())
    return assemble(tables, filters, chosen, FeatureConfig(**features), target, seed)


def refused(path: str, **settings: Any) -> list[str]:
    """The faults of reading a table and making a dataset of it."""
    with pytest.raises(InputError) as caught:
        made(read(path, **settings))
    assert caught.value.exit_code == 2
    return list(caught.value.faults)


def log(rows: Sequence[tuple[str, str, float, int]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=["user_id", "item_id", "rating", "timestamp"], orient="row")


def steps(users: int = 6, length: int = 5) -> pl.DataFrame:
    """Each user has `length` different items, a minute apart."""
    return log(
        [
            (
                f"u{user}",
                f"i{(user + step) % (length + 2)}",
                1.0 + (user + step) % 5,
                1_000_000_000 + 60 * (10 * user + step),
            )
            for user in range(users)
            for step in range(length)
        ]
    )


def names(dataset: Dataset, user: str, part: int) -> list[str]:
    """Items of a part of a user, in stored order."""
    row = dataset.bounds[dataset.users.number(user)]
    return dataset.items.keys(dataset.events["item"][row[part] : row[part + 1]])
