"""Quality of the pages for sequences (`sequences`, `p5-sequences`, `sequences-best`): the whole job, seed by seed.

    python benchmarks/sequences.py NAME DATA [--page p5-sequences] [--items ITEMS] [--seeds 0,1,2] [--set a.b=c …]
                                   [--refit 0] [--work DIR] [--out benchmarks/results/sequences_NAME.md]

Leave-one-out, the full catalogue ranked, seen items left out, ties against the model; whatever is chosen is chosen on
validation. "test" is of models fitted on training rows only, "refitted" of the same models, fitted on validation rows
too, for the seeds named by --refit. A seed numbers ids, draws first weights and batches. A row is written as soon as
its run is done, and a run that was cut off goes on in its folder of --work.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import recorded

METRICS = ("ndcg@10", "recall@10")
PARTS = ("valid", "test", "refitted")
REFIT = "evaluate.fitted_on=train+valid"


def head(parts: list[str]) -> list[str]:
    """The columns of the table of seeds."""
    return ["seed", "model", *(f"{part} {m}" for part in parts for m in METRICS), "interval", "fit s", "rank s"]


def measured(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """The report.json of one seed; a finished run is not made again."""
    items = [f"data.items={options.items}"] if options.items else []
    refit = [REFIT] if str(seed) in options.refit.split(",") else []
    settings = [f"data.path={options.data}", *items, f"seed={seed}", *options.set, *refit]
    return recorded.report(options.page, settings, folder(seed, options))


def folder(seed: int, options: argparse.Namespace) -> Path:
    """Where the run of a seed lies."""
    return Path(options.work) / f"{options.name}-{seed}"


def parts_of(row: dict[str, Any]) -> dict[str, Any]:
    """Part → metrics of one model; in a refitted run "before" is what training rows alone reach."""
    return {
        "valid": row["valid"],
        "test": row.get("before") or row["test"],
        "refitted": row.get("before") and row["test"],
    }


def measured_parts(reports: dict[int, dict[str, Any]]) -> list[str]:
    """The parts that any model was measured on."""
    models = [row for report in reports.values() for row in report["models"].values()]
    return [part for part in PARTS if any(parts_of(row)[part] for row in models)]


def rows(seed: int, report: dict[str, Any], parts: list[str]) -> list[list[str]]:
    """One row a model of the table."""
    found = []
    for name, row in report["models"].items():
        if not row["test"]:
            continue
        found_in = parts_of(row)
        numbers = [f"{found_in[part][m]:.4f}" if found_in[part] else "" for part in parts for m in METRICS]
        low, high = row["interval"].get("before", row["interval"]["test"])[METRICS[0]]
        seconds = [f"{row['seconds'][part]:.0f}" for part in ("fit", "rank")]
        found.append([str(seed), name, *numbers, f"{low:.4f}–{high:.4f}", *seconds])
    return found


def means(reports: dict[int, dict[str, Any]], parts: list[str]) -> list[list[str]]:
    """Mean and deviation over seeds of each model's test numbers, the best first."""
    found = []
    for name in {name: None for report in reports.values() for name, row in report["models"].items() if row["test"]}:
        kept = [parts_of(report["models"][name]) for report in reports.values() if name in report["models"]]
        columns = [[row[part][m] for row in kept if row[part]] for part in parts for m in METRICS]
        found.append([name, *map(mean, columns)])
    return sorted(found, key=lambda row: row[1], reverse=True)


def mean(seeds: list[float]) -> str:
    """Mean and deviation over seeds; a single seed has no deviation."""
    spread = f" ± {statistics.stdev(seeds):.4f}" if len(seeds) > 1 else ""
    return f"{statistics.mean(seeds):.4f}{spread}" if seeds else ""


def written(options: argparse.Namespace, reports: dict[int, dict[str, Any]]) -> list[str]:
    """The page of results."""
    changes = "".join(f" --set {one}" for one in options.set)
    items = f" --items {options.items}" if options.items else ""
    refit = f" --refit {options.refit}" if options.refit else ""
    page = "" if options.page == "sequences" else f" --page {options.page}"
    command = f"{options.name} {options.data}{page}{items} --seeds {options.seeds}{refit}{changes}"
    runs = [folder(seed, options) for seed in reports]
    title = f"The page `{options.page}` on {options.name}"
    top = recorded.head(title, f"python benchmarks/sequences.py {command}", runs)
    parts = measured_parts(reports)
    tested = [part for part in parts if part != "valid"]
    seeds = [row for seed, report in reports.items() for row in rows(seed, report, parts)]
    names = ["model", *(f"{part} {m}" for part in tested for m in METRICS)]
    return [*top, *recorded.table(names, means(reports, tested)), *recorded.table(head(parts), seeds)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("data")
    parser.add_argument("--page", default="sequences")
    parser.add_argument("--items")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--refit", default="")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    reports: dict[int, dict[str, Any]] = {}
    for seed in map(int, options.seeds.split(",")):
        reports[seed] = measured(seed, options)
        recorded.write(written(options, reports), options.out)


if __name__ == "__main__":
    main()
