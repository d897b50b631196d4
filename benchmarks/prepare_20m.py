"""Preparing 20 million rows out of core, against polars reading and sorting the same file in the same run.

    python benchmarks/prepare_20m.py [--rows 20000000] [--formats csv,parquet] [--out benchmarks/results/prepare_20m.md]

Every measurement is a process of its own; its peak is the largest resident memory of that process. The file is made
in one too, since a child's peak begins with what its parent held.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

CHUNK = 2_000_000
COLUMNS = ["user_id", "item_id", "rating", "timestamp"]


def make(path: Path, rows: int) -> None:
    """A shuffled rating log like MovieLens 20M: 138,000 users, 27,000 items, popularity as a power law.

    A file called text has ids like Amazon's instead, of 1,000,000 users and 200,000 items.
    """
    text = path.stem == "text"
    users, items = (1_000_000, 200_000) if text else (138_493, 27_000)
    rng = np.random.default_rng(0)
    pieces = []
    for start in range(0, rows, CHUNK):
        count = min(CHUNK, rows - start)
        pieces.append(
            pl.DataFrame(
                {
                    "user_id": rng.integers(1, users + 1, count),
                    "item_id": (items * rng.random(count) ** 3).astype(np.int64) + 1,
                    "rating": rng.integers(1, 11, count) / 2,
                    "timestamp": rng.integers(789_652_009, 1_427_784_002, count),
                }
            )
        )
    table = pl.concat(pieces)
    if text:
        table = table.with_columns(
            pl.format("A{}", (pl.col("user_id") * 7_919_993 + 10**11)).alias("user_id"),
            pl.format("B{}", (pl.col("item_id") * 7_919_993 + 10**8)).alias("item_id"),
        )
    if path.suffix == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)


def read_and_sort(path: Path) -> None:
    """What polars needs to read the file and sort it by user and time, in memory."""
    frame = pl.scan_csv(path) if path.suffix == ".csv" else pl.scan_parquet(path)
    table = frame.collect(engine="streaming").sort("user_id", "timestamp")
    assert len(table)


def prepare(path: Path) -> None:
    """What we need to make a dataset of it: checks, vocabularies, order, split, statistics, files."""
    from p5rec.data.builder import prepare as prepare_dataset
    from p5rec.data.sources.table import Table
    from p5rec.data.splits.leave_one_out import LeaveOneOut

    tables = Table(Table.Config(path=str(path))).read()
    dataset = prepare_dataset(tables, path.parent / "dataset", split=LeaveOneOut(LeaveOneOut.Config()))
    assert dataset.facts["events"]


WORK = {"polars read + sort": read_and_sort, "p5rec prepare": prepare}


def measure(work: str, path: Path, rows: int) -> tuple[float, float]:
    """Seconds and peak MB of one piece of work in a process of its own."""
    command = [sys.executable, __file__, "--work", work, "--path", str(path), "--rows", str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), float(peak)


def one(work: str, path: Path, rows: int) -> None:
    start = time.perf_counter()
    if work == "make":
        make(path, rows)
    else:
        WORK[work](path)
    seconds = time.perf_counter() - start
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def table(rows: int, formats: list[str]) -> str:
    import recorded  # not in the processes that are measured: it would count as their memory

    lines = [
        f"# Preparing {rows:,} rows",
        "",
        f"`python benchmarks/prepare_20m.py --rows {rows} --formats {','.join(formats)}`",
        f"on {datetime.now(UTC):%Y-%m-%d}, commit {recorded.commit()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, polars {pl.__version__}",
        "",
        "| file | MB | work | seconds | times polars | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    for name in formats:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ("text.csv" if name == "text" else f"events.{name}")
            measure("make", path, rows)
            size, base = path.stat().st_size / 2**20, 0.0
            for work in WORK:
                seconds, peak = measure(work, path, rows)
                base = base or seconds
                lines.append(f"| {name} | {size:.0f} | {work} | {seconds:.1f} | {seconds / base:.2f} | {peak:.0f} |")
                print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--formats", default="csv,text,parquet", help="csv, parquet, or text: a csv with text ids")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work")
    parser.add_argument("--path", type=Path)
    given = parser.parse_args()
    if given.work:
        one(given.work, given.path, given.rows)
        return
    text = table(given.rows, given.formats.split(","))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
