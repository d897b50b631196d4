"""Artists of Last.fm by what is known of them: ids, texts, sounds, friends, all; seed by seed, on the same users.

    python benchmarks/lfm_ablation.py DATA [--seeds 0,1,2] [--set a.b=c …] [--work DIR]
                                      [--out benchmarks/results/lfm_ablation.md]

DATA is a folder with events.csv (user_id, item_id, split), items.jsonl, text_minilm.npy and audio_vggish.npy in its
order, and friends.csv; the page is benchmarks/pages/lfm.toml. Fitted on training rows only, the full catalogue
ranked, items of the history left out, ties against the model; whatever is chosen is chosen on validation rows. Two
histories are asked with: training rows alone, as in the table this is compared with, and training and validation
rows, as the page is served. Numbers are means over seeds, intervals and tests are of each user's mean over seeds.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import recorded

from p5rec.commands import evaluate
from p5rec.commands.made import opened
from p5rec.evaluation.compare import corrected, intervals, paired
from p5rec.evaluation.evaluate import Measured
from p5rec.evaluation.evaluate import evaluate as measure

METRICS = ("recall@20", "ndcg@20")
TEXT, AUDIO = "data.source.item_vectors.text={}/text_minilm.npy", "data.source.item_vectors.audio={}/audio_vggish.npy"
FRIENDS = "data.source.user_links.friends={}/friends.csv"
BARE_ITEMS, BARE_USERS = 'items.modalities=["id"]', 'users.modalities=["id"]'
PARTS = {
    "ids": (BARE_ITEMS, BARE_USERS),
    "+ text": (TEXT, BARE_USERS),
    "+ audio": (AUDIO, BARE_USERS),
    "+ graph": (BARE_ITEMS, FRIENDS),
    "all": (TEXT, AUDIO, FRIENDS),
}
HISTORIES = {"training rows": "train", "training and validation rows": "test"}
HEAD = [
    *("parts", "model"),
    *(part for name in METRICS for part in (name, "± seeds", "95 %")),
    *(part for other in ("ease", "ids") for part in (f"minus {other}, {METRICS[1]}", "95 %", "p")),
]
Found = dict[tuple[str, str], list[Measured]]  # (parts, model) → one a seed


def measured(run: Path, history: str) -> dict[str, Measured]:
    """Name → what each model and responder of a run did on the test rows, users in the order of their ids."""
    made, _ = opened(run)
    page, data = made.page, made.served
    queries, truth = data.held_out("test")
    rows = data.history("train" if history == "train" else "test", queries.users)
    queries = replace(queries, history=rows, side=data.side(rows))
    order = np.argsort(data.users.keys(queries.users))
    metrics = evaluate.metrics_of(page, data)
    found = evaluate.judged(page, data, made.final, made.learned, metrics)
    return {name: _ordered(measure(one, queries, truth, metrics), order) for name, one in found.items()}


def _ordered(one: Measured, order: np.ndarray) -> Measured:
    return replace(one, stats={name: stats[order] for name, stats in one.stats.items()})


def averaged(seeds: list[Measured], like: Measured) -> Measured:
    """Each user's mean over seeds; `like` lends the rows to all, so that they can be compared."""
    stats = {name: np.mean([one.stats[name] for one in seeds], axis=0) for name in METRICS}
    return replace(like, stats=stats, values={name: float(stats[name][:, 0].mean()) for name in METRICS})


def body(found: Found) -> list[list[str]]:
    """A row for each model of each set of parts; `ease` does not read any and stands once."""
    like = found["ids", "ease"][0]
    means = {key: averaged(seeds, like) for key, seeds in found.items() if key[1] != "ease" or key[0] == "ids"}
    ease = means["ids", "ease"]
    gaps = corrected({key: paired(one, ease, METRICS[1]) for key, one in means.items() if key[1] != "ease"})
    added = corrected(
        {key: paired(one, means["ids", key[1]], METRICS[1]) for key, one in means.items() if key[0] != "ids"}
    )
    lines = []
    for key, one in means.items():
        ends, cells = intervals(replace(one, metrics={name: one.metrics[name] for name in METRICS})), []
        for name in METRICS:
            over = [float(seed.stats[name][:, 0].mean()) for seed in found[key]]
            spread = f"{statistics.stdev(over):.4f}" if len(over) > 1 else ""
            cells += [f"{one.values[name]:.4f}", spread, recorded.ends(*ends[name])]
        for gap in (gaps.get(key), added.get(key)):
            cells += (
                ["", "", ""] if gap is None else [f"{gap.mean:+.4f}", recorded.ends(gap.low, gap.high), f"{gap.p:.4f}"]
            )
        lines.append(["none" if key[1] == "ease" else key[0], key[1], *cells])
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    given = [f"data.path={options.data}/events.csv", f"data.items={options.data}/items.jsonl"]
    changes = "".join(f" --set {one}" for one in options.set)
    command = f"python benchmarks/lfm_ablation.py DATA --seeds {options.seeds}{changes}"
    tables: Mapping[str, Found] = {name: {} for name in HISTORIES}
    runs: list[Path] = []
    for seed in map(int, options.seeds.split(",")):
        for parts, changed in PARTS.items():
            runs.append(options.work / f"lfm-{parts.strip('+ ')}-{seed}")
            own = [one.format(options.data) for one in changed]
            recorded.report("lfm", [*given, f"seed={seed}", *own, *options.set], runs[-1])
            for name, history in HISTORIES.items():
                for model, one in measured(runs[-1], history).items():
                    tables[name].setdefault((parts, model), []).append(one)
        lines = recorded.head("Artists of Last.fm, by what is known of them", command, runs)
        for name, found in tables.items():
            lines += ["", f"## Asked with {name}", "", f"`{command}`", *recorded.table(HEAD, body(found))]
        recorded.write(lines, options.out)


if __name__ == "__main__":
    main()
