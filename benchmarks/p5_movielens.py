"""p5 on MovieLens 100K: ratings beside a tuned bias, the next film beside sasrec, and words that steer; seed by seed.

    python benchmarks/p5_movielens.py [--seeds 0,1,2] [--parts ratings,next] [--data FOLDER] [--set a.b=c …]
                                      [--work DIR] [--out benchmarks/results/p5_movielens.md]

Ratings: a random 80/20 (5 % of all validate), all test rows, the tuned user + item bias on the same rows; its two
strengths and p5's passes are chosen on validation rows. The next film: leave-one-out, fitted on training rows only,
the full catalogue ranked, seen films left out, ties against the model; sasrec at its defaults reads the same films.
A row is written as soon as its run is done, and a run that was cut off goes on in its folder of --work.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import recorded

from p5rec.commands import evaluate
from p5rec.commands.made import opened
from p5rec.contracts import Numbers, Queries
from p5rec.evaluation import biases
from p5rec.evaluation.compare import Difference, paired
from p5rec.evaluation.evaluate import Measured
from p5rec.evaluation.evaluate import evaluate as measure

METRICS = ("ndcg@10", "recall@10")
CLOSED = ", held out of training"
STEERED = [  # what is read, the row of the report ("" is the family itself), the metric
    ("share of X among the top ten, no words", "no words", "share_of_x@10"),
    ('the same with "X"', "X in words", "share_of_x@10"),
    ('odds of X with "X", by those without', "X in words", "of_x_odds_ratio"),
    ('share of X with "not X"', "not X in words", "share_of_x@10"),
    ('odds of X with "not X", by those without', "not X in words", "of_x_odds_ratio"),
    ("share of X held out of training, no words", "no words" + CLOSED, "share_of_x@10"),
    ('the same with "X"', "X in words" + CLOSED, "share_of_x@10"),
    ('odds of X held out, with "X"', "X in words" + CLOSED, "of_x_odds_ratio"),
    ('odds of X held out, with "not X"', "not X in words" + CLOSED, "of_x_odds_ratio"),
    ("NDCG@10, X of the next film in words", "X of the next item in words", "named_ndcg@10"),
    ("the same users without words", "X of the next item, no words", "named_ndcg@10"),
    ('share newer than A with "like A"', "like A", "share_newer@10"),
    ('the same with "like A but newer"', "like A but newer", "share_newer@10"),
    ("NDCG@10 of all instructions", "", "ndcg@10"),
    ("the same, words of each shuffled", "shuffled words: item", "ndcg@10"),
    ("the same, words of other instructions", "words of other prompts: item", "ndcg@10"),
    ("the same, unseen wordings", "unseen wordings: item", "ndcg@10"),
]


SAID = """Words that steer. X is a category drawn for each user, whatever came next. A Δ is the row above it, or "all
instructions" above words that were spoiled, minus the row, on the same users: 95 % interval."""


def ratings(seed: int, report: dict[str, Any], out: Path) -> list[list[str]]:
    """The row of one seed, and the bias on the same rows."""
    row, (bias, gap) = report["models"]["p5"], against_bias(out)
    own = [f"{row['test']['rmse']:.4f}", recorded.ends(*row["interval"]["test"]["rmse"]), f"{row['test']['mae']:.4f}"]
    theirs = [f"{bias['rmse']:.4f}", f"{bias['mae']:.4f}"]
    return [
        [str(seed), *own, *theirs, f"{gap.mean:+.4f}", recorded.ends(gap.low, gap.high), f"{row['seconds']['fit']:.0f}"]
    ]


def against_bias(out: Path) -> tuple[dict[str, float], Difference]:
    """Numbers of the tuned bias on all test rows, and the RMSE of p5 minus its own; users are resampled."""
    made, _ = opened(out)
    page, data = made.page, made.served
    metrics = evaluate.metrics_of(page, data)
    held = evaluate.held_out(page, data, "test")
    tuned = biases.fit(data.pairs("train"), data.pairs("valid"))

    def estimated(queries: Queries, k: int | None) -> Numbers:
        items = queries.candidates.padded(0).astype(np.int64)
        return Numbers(tuned.predict(np.broadcast_to(queries.users[:, None], items.shape), items))

    ours: Measured = measure(evaluate.judged(page, data, made.final, {}, metrics)["p5"], *held, metrics)
    theirs: Measured = measure(estimated, *held, metrics)
    return theirs.values, paired(ours, theirs, "rmse", seed=page.run.seed)


def following(seed: int, report: dict[str, Any], out: Path) -> list[list[str]]:
    """One row a model; behind p5 its difference to sasrec."""
    found = []
    for name, row in report["models"].items():
        numbers = [f"{row[part][metric]:.4f}" for part in ("valid", "test") for metric in METRICS]
        interval = recorded.ends(*row["interval"]["test"][METRICS[0]])
        gaps = [difference(report, metric) if name == "p5" else "" for metric in METRICS]
        found.append([str(seed), name, *numbers, interval, *gaps, f"{row['seconds']['fit']:.0f}"])
    return found


def difference(report: dict[str, Any], metric: str) -> str:
    """The interval of p5 minus sasrec; the report has it of the worse of the two, minus the better."""
    gaps = {name: row["against_best"].get(metric) for name, row in report["models"].items()}
    if gaps["p5"]:
        return recorded.ends(gaps["p5"]["low"], gaps["p5"]["high"])
    return recorded.ends(-gaps["sasrec"]["high"], -gaps["sasrec"]["low"])


def steered(reports: dict[int, dict[str, Any]]) -> list[list[str]]:
    """What words do, a row each, a column a seed."""
    return [[said, *(cell(report, row, metric) for report in reports.values())] for said, row, metric in STEERED]


def cell(report: dict[str, Any], row: str, metric: str) -> str:
    """Value and interval; where it was compared, the interval of what it is compared with, minus this."""
    family = report["models"]["p5"]["test"]["families"]["instruct"]
    found = family if not row else family["rows"].get(row, {})
    if metric not in found:
        return "not measured"
    gap = found.get("difference", {}).get(metric)
    loss = f"; Δ {recorded.ends(gap['low'], gap['high'])}" if gap else ""
    return f"{found[metric]:.4f} ({recorded.ends(*found['interval'][metric])}){loss}"


HEADS = {
    "ratings": ["seed", "RMSE", "95 %", "MAE", "tuned bias RMSE", "MAE", "p5 - bias", "95 %", "fit s"],
    "next": ["seed", "model", *(f"{part} {m}" for part in ("valid", "test") for m in METRICS), "95 % of test ndcg@10",
             *(f"95 % of p5 - sasrec, {m}" for m in METRICS), "fit s"],
}  # fmt: skip
ROWS = {"ratings": ratings, "next": following}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--parts", default="ratings,next")
    parser.add_argument("--data", help="a folder of MovieLens 100K; fetched where left out")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    tables: dict[str, list[list[str]]] = {part: [] for part in options.parts.split(",")}
    changes, given = [f" --set {one}" for one in options.set], [f"data.path={options.data}"] * bool(options.data)
    command = f"python benchmarks/p5_movielens.py --seeds {options.seeds} --parts {options.parts}{''.join(changes)}"
    reports: dict[int, dict[str, Any]] = {}
    runs: list[Path] = []
    for seed in map(int, options.seeds.split(",")):
        for part, body in tables.items():
            runs.append(options.work / f"movielens-{part}-{seed}")
            found = recorded.report(f"movielens_{part}", [*given, f"seed={seed}", *options.set], runs[-1])
            body += ROWS[part](seed, found, runs[-1])
            reports |= {seed: found} if part == "next" else {}
            lines = recorded.head("p5 on MovieLens 100K", command, runs)
            lines += [line for name, rows in tables.items() if rows for line in recorded.table(HEADS[name], rows)]
            if reports:
                lines += ["", SAID, *recorded.table(["words", *(f"seed {one}" for one in reports)], steered(reports))]
            recorded.write(lines, options.out)


if __name__ == "__main__":
    main()
