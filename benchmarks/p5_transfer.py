"""Pretrained on one data set, fine-tuned on a tenth of the users of another, asked for the last events of the others.

    python benchmarks/p5_transfer.py SPORTS BEAUTY ITEMS_SPORTS ITEMS_BEAUTY [--seeds 0,1] [--set a.b=c …]
                                     [--work DIR] [--out benchmarks/results/p5_transfer.md]

Items are known by their words alone. One pretraining (seed 0) serves all seeds; a seed draws the tenth of the users,
the twentieth that validates, and first weights. All others never train: their events before the last are given when
they are asked. The full catalogue is ranked, seen items left out, ties against the model; variants are those of the
report's comparison. Rows are written as soon as a seed is done; a run that was cut off goes on in its folder of --work.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import recorded

METRICS = ("ndcg@10", "recall@10")
HEAD = ["seed", "variant", *(column for m in METRICS for column in (m, "95 %", "minus scratch, 95 %")), "open numbers",
        "fit s", "MB"]  # fmt: skip


def rows(seed: int, comparison: dict[str, Any]) -> list[list[str]]:
    """One row a variant."""
    found = []
    for name, one in comparison.items():
        if not one["metrics"]:
            found.append([str(seed), f"{name}: {one['note']}", *[""] * (len(HEAD) - 2)])
            continue
        cells = [cell for metric in METRICS for cell in numbers(one, metric)]
        costs = [f"{one['trainable']:,}", f"{one['seconds']:.0f}", f"{one['peak_mb']:.0f}"]
        found.append([str(seed), name, *cells, *costs])
    return found


def numbers(one: dict[str, Any], metric: str) -> list[str]:
    """A metric, its interval, and the interval of its difference to the variant from scratch."""
    gap = one["against_scratch"].get(metric)
    return [
        f"{one['metrics'][metric]:.4f}",
        recorded.ends(*one["interval"][metric]),
        recorded.ends(gap["low"], gap["high"]) if gap else "",
    ]


def data(name: str, events: str, items: str) -> list[str]:
    """Where a data set is, for its page."""
    return [f"data.source.of.{name}.path={events}", f"data.source.of.{name}.items={items}"]


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("first", "second", "items_first", "items_second"):
        parser.add_argument(name)
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    runs = [options.work / "transfer-pretrain"]
    before = [*data("first", options.first, options.items_first), *options.set]
    recorded.report("transfer_pretrain", before, runs[0])
    given = " ".join([options.first, options.second, options.items_first, options.items_second])
    changes = "".join(f" --set {one}" for one in options.set)
    command = f"python benchmarks/p5_transfer.py {given} --seeds {options.seeds}{changes}"
    table: list[list[str]] = []
    said: list[str] = []
    for seed in map(int, options.seeds.split(",")):
        runs.append(options.work / f"transfer-tune-{seed}")
        after = [*data("second", options.second, options.items_second), f"seed={seed}", f"model.p5.from={runs[0]}"]
        found = recorded.report("transfer_tune", [*after, *options.set], runs[-1])
        table += rows(seed, found["comparison"])
        said += ["", f"Seed {seed}: {found['pretraining']['sentence']}"]
        lines = recorded.head("Pretrained on one data set, fine-tuned on a tenth of another", command, runs)
        recorded.write([*lines, *recorded.table(HEAD, table), *said], options.out)


if __name__ == "__main__":
    main()
