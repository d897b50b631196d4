"""RecBole's atomic files: tab-separated tables whose header says ``name:type`` (Zhao et al., 2021)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from p5rec.core.errors import InputError, nearest
from p5rec.data.features import Kind
from p5rec.data.names import TITLES, plain
from p5rec.data.read import Scan, csv_rows, files, named

KINDS = {"token": Kind.CATEGORY, "token_seq": Kind.LIST, "float": Kind.NUMBER, "float_seq": Kind.VECTOR}


def scan_atomic(path: Path) -> tuple[Scan, dict[str, Kind]]:
    """A lazy table, columns without their types, and what the types say of the kinds.

    Raises:
        InputError: the file is missing or a column has no known type.
    """
    with named(str(path)):
        frame = pl.scan_csv(files(path), separator="\t", quote_char=None, infer_schema=False, glob=False)
        columns = frame.collect_schema().names()
    kinds, made, faults = {}, [], []
    for column in columns:
        name, _, type_ = column.partition(":")
        if type_ not in KINDS:
            faults.append(f"{path}: column {column!r} has no known type, expected NAME:TYPE; {nearest(type_, KINDS)}")
            continue
        kinds[name] = Kind.TEXT if plain(name) in TITLES else KINDS[type_]
        made.append(_expression(column, kinds[name]).alias(name))
    if faults:
        raise InputError(faults)
    return Scan(frame.select(made), str(path), csv_rows([path]), text=True), kinds


def _expression(column: str, kind: Kind) -> pl.Expr:
    if kind == Kind.LIST:
        return pl.col(column).str.split(" ")
    if kind == Kind.VECTOR:
        return pl.col(column).str.split(" ").cast(pl.List(pl.Float32), strict=False)
    return pl.col(column)


def beside(path: Path) -> dict[str, Path]:
    """The ``.inter``, ``.user`` and ``.item`` files of a data set, given its folder, its stem or one of them.

    Raises:
        InputError: there is no ``.inter`` file, or the folder has several.
    """
    stems = sorted(path.glob("*.inter")) if path.is_dir() else [path.with_suffix(".inter")]
    if len(stems) != 1 or not stems[0].is_file():
        count = len(stems) if path.is_dir() else 0
        raise InputError(f"{path}: found {count} .inter files, expected one, e.g. ml-100k.inter")
    found = {suffix: stems[0].with_suffix(f".{suffix}") for suffix in ("inter", "user", "item")}
    return {suffix: file for suffix, file in found.items() if file.is_file()}
