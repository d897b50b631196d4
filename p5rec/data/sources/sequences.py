"""Sequence files: ``user item item …``, one user a line, oldest first; the published form of many benchmarks."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.core.errors import SHOWN, InputError
from p5rec.data.events import Tables
from p5rec.data.read import Scan, collect, csv_rows, files, first_bytes, scan
from p5rec.data.stages import Source
from p5rec.data.tables import RoleOptions, assembled


class Sequences(Source):
    """There are no times; the order of a line is the order of happening, and may break ties."""

    class Config(Settings):
        """Files."""

        path: str = Field(description="text file, `user item item …` a line")
        items: str | None = Field(None, description="table of items, one row each")

    config: Config

    def read(self) -> Tables:
        """Lazy tables; see `Source.read`."""
        paths = files(self.config.path)
        lines = pl.scan_csv(
            paths, separator="\x01", has_header=False, quote_char=None, schema={"line": pl.String}, skip_lines=0
        ).with_row_index("row")
        words = lines.select("row", pl.col("line").str.extract_all(r"\S+").alias("words")).filter(
            pl.col("words").list.len() > 0
        )
        self._check(words)
        events = words.select(
            pl.col("words").list.first().alias("user_id"), pl.col("words").list.slice(1).alias("item_id")
        ).explode("item_id")
        items = scan(self.config.items) if self.config.items else None
        head = first_bytes(paths[0])
        rows = round(csv_rows(paths) * len(head.split()) / max(head.count(b"\n"), 1))
        table = Scan(events, self.config.path, rows, text=True)
        return assembled(RoleOptions(), table, None, items, ordered=True, facts={"name": "sequences"})

    def _check(self, words: pl.LazyFrame) -> None:
        """Lines without items, and users with several lines, whose order nobody knows."""
        where = self.config.path
        rows = collect(
            words.select("row", pl.col("words").list.first().alias("user"), pl.col("words").list.len().alias("n")),
            where,
        )
        if not len(rows):
            raise InputError(f"{where}: this file has no lines with words; expected `user item item …`")
        faults = [
            f"{where}: line {row + 1} has a user, {user!r}, and no items; expected `user item item …`"
            for row, user, _ in rows.filter(pl.col("n") < 2).head(SHOWN).iter_rows()
        ]
        again = rows.filter(pl.col("user").is_duplicated()).group_by("user", maintain_order=True).agg("row")
        faults += [
            f"{where}: the user {user!r} has lines {_list(places)}; expected one line a user"
            for user, places in again.head(SHOWN).iter_rows()
        ]
        if faults:
            raise InputError(faults)


def _list(places: list[int]) -> str:
    return ", ".join(str(row + 1) for row in places[:5])
