"""Quality of the shipped pages `sequences` and `p5-sequences`: the whole job on a sequence file, seed by seed.

    python benchmarks/sequences.py NAME DATA [--page p5-sequences] [--items ITEMS] [--seeds 0,1,2] [--set a.b=c …]
                                   [--work DIR] [--out benchmarks/results/sequences_NAME.md]

Leave-one-out, fitted on training rows only, the full catalogue ranked, seen items left out, ties against the model;
whatever is chosen is chosen on validation. A seed numbers ids, draws first weights and batches. A row is written as
soon as its run is done, and a run that was cut off goes on in its folder of --work.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from p5rec.commands import page as pages
from p5rec.commands import run as stage

METRICS = ("ndcg@10", "recall@10")
HEAD = [
    "seed",
    "model",
    *(f"valid {m}" for m in METRICS),
    *(f"test {m}" for m in METRICS),
    "interval",
    "fit s",
    "rank s",
]


def measured(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """The report.json of one seed; a finished run is not made again."""
    out = options.work / f"{options.name}-{seed}"
    if not (out / "artifact.json").is_file():
        items = [f"data.items={options.items}"] if options.items else []
        settings = [f"data.path={options.data}", *items, f"seed={seed}", *options.set]
        stage.run(pages.read(options.page, settings), out)
        (out / "made.txt").write_text(f"{commit()} {datetime.now(UTC):%Y-%m-%d}", encoding="utf-8")
    found: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return found


def commit() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()


def made(options: argparse.Namespace) -> str:
    """Commit and date of each seed that is done."""
    found = {seed: options.work / f"{options.name}-{seed}" / "made.txt" for seed in options.seeds.split(",")}
    return "; ".join(f"seed {seed}: {path.read_text()}" for seed, path in found.items() if path.is_file())


def rows(seed: int, report: dict[str, Any]) -> list[list[str]]:
    """One row a model of the table."""
    found = []
    for name, row in report["models"].items():
        if not row["test"]:
            continue
        numbers = [f"{row[part][metric]:.4f}" for part in ("valid", "test") for metric in METRICS]
        low, high = row["interval"]["test"][METRICS[0]]
        seconds = [f"{row['seconds'][part]:.0f}" for part in ("fit", "rank")]
        found.append([str(seed), name, *numbers, f"{low:.4f}–{high:.4f}", *seconds])
    return found


def means(table: list[list[str]]) -> list[list[str]]:
    """Mean and deviation over seeds of each model's test numbers."""
    found = []
    for name in dict.fromkeys(row[1] for row in table):
        columns = [[float(row[place]) for row in table if row[1] == name] for place in (4, 5)]
        shown = [f"{statistics.mean(c):.4f} ± {statistics.stdev(c) if len(c) > 1 else 0.0:.4f}" for c in columns]
        found.append([name, *shown])
    return found


def written(options: argparse.Namespace, table: list[list[str]]) -> str:
    """The page of results."""
    changes = "".join(f" --set {one}" for one in options.set)
    items = f" --items {options.items}" if options.items else ""
    page = "" if options.page == "sequences" else f" --page {options.page}"
    head = [
        f"# The page `{options.page}` on {options.name}",
        "",
        f"`python benchmarks/sequences.py {options.name} {options.data}{page}{items} --seeds {options.seeds}{changes}`",
        f"(commit and day of each: {made(options)}; {os.cpu_count()} cores)",
        "",
    ]
    return "\n".join(
        [*head, *_table(["model", *(f"test {m}" for m in METRICS)], means(table)), "", *_table(HEAD, table), ""]
    )


def _table(head: list[str], body: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("data")
    parser.add_argument("--page", default="sequences")
    parser.add_argument("--items")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    table: list[list[str]] = []
    for seed in map(int, options.seeds.split(",")):
        table += rows(seed, measured(seed, options))
        text = written(options, table)
        print(text)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
