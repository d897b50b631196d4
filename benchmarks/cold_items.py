"""Items held out of training as a whole, answered from their content: among themselves and among all items.

    python benchmarks/cold_items.py beauty FOLDER [--seeds 0] [--set a.b=c …] [--work DIR] [--out FILE]
    python benchmarks/cold_items.py lfm FOLDER …

A seeded tenth of the items tests, a twentieth validates (`benchmarks/pages/cold_*.toml`); no event of either trains.
Each user with events of a held-out item is asked once. *Among the new*: only the tested items are ranked; *among all*:
the whole catalogue without the user's own history. Beside the model: chance; the popularity of an item's categories
(training events by item of each category, their mean); the categories of the history (cosine of TF-IDF profiles).
Intervals: 95 %, bootstrap over users; differences: the model minus the row, the same users, permutation test.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import recorded
from scipy import sparse

from p5rec.commands import evaluate
from p5rec.commands.made import Made, opened
from p5rec.contracts import Dataset, ItemLists, Queries
from p5rec.core import seed as seeds
from p5rec.data.features import Kind
from p5rec.data.ragged import Ragged
from p5rec.evaluation.compare import intervals, paired
from p5rec.evaluation.evaluate import Measured
from p5rec.evaluation.evaluate import evaluate as measure

DEPTH = {"beauty": 10, "lfm": 20}
Scores = Callable[[Queries], np.ndarray]


def settings(name: str, folder: Path) -> list[str]:
    """Where the page finds the data."""
    if name == "beauty":
        return [f"data.path={folder / 'sequences.txt'}", f"data.items={folder / 'items.jsonl'}"]
    vectors = {"words": folder / "text_minilm.npy", "sound": folder / "audio_vggish.npy"}
    return [
        f"data.path={folder / 'events.csv'}",
        f"data.items={folder / 'items.jsonl'}",
        *(f"data.source.item_vectors.{column}={path}" for column, path in vectors.items()),
    ]


# ------------------------------------------------------------ what stands beside the model


def levels(dataset: Dataset) -> sparse.csr_array:
    """(V, C) 1 where an item has a category."""
    blocks = []
    for column in dataset.item_features.of_kind(Kind.CATEGORY, Kind.LIST).values():
        if isinstance(column.values, Ragged):
            row, level = column.values.flat()
        else:
            row, level = np.arange(len(column.values)), column.values
        row, level = row[level >= 0], level[level >= 0]
        ones = np.ones(len(row), np.float32)
        blocks.append(sparse.csr_array((ones, (row, level)), shape=(dataset.n_items, len(column.levels))))
    return sparse.csr_array(sparse.hstack(blocks))


def popularity(dataset: Dataset) -> Scores:
    """Training events by trained item of each category; an item has the mean of its own."""
    member, counts = levels(dataset), dataset.item_counts
    trained = member[np.flatnonzero(counts)]
    by_category = (trained.T @ counts[counts > 0]) / np.maximum(trained.sum(0), 1)
    scores = (member @ by_category) / np.maximum(member.sum(1), 1)
    return lambda queries: np.broadcast_to(scores, (len(queries), len(scores)))


def alike(dataset: Dataset) -> Scores:
    """Cosine of an item's categories and those of the history, rare categories count more."""
    member = levels(dataset)
    rarity = np.log(dataset.n_items / np.maximum(member.sum(0), 1))
    weighed = sparse.csr_array(member.multiply(rarity[None, :]))
    length = np.sqrt(weighed.multiply(weighed).sum(1))
    unit = sparse.csr_array(weighed.multiply(1 / np.maximum(length, 1e-9)[:, None]))

    def scores(queries: Queries) -> np.ndarray:
        row, item = queries.history.flat()
        shape = (len(queries), dataset.n_items)
        taken = sparse.csr_array((np.ones(len(row), np.float32), (row, item)), shape=shape)
        return np.asarray((taken @ unit @ unit.T).todense())

    return scores


def chance(dataset: Dataset, seed: int) -> Scores:
    draw = seeds.rng(seed, "chance")
    return lambda queries: draw.random((len(queries), dataset.n_items))


def ranking(scores: Scores) -> Any:
    """A responder of scores (Q, V); ties are broken by a millionth of chance, for a tie counts against a row."""
    draw = seeds.rng(0, "ties")

    def answer(queries: Queries, k: int | None) -> ItemLists:
        found = np.array(scores(queries), dtype=np.float64)
        found += draw.random(found.shape) * 1e-6 * max(float(np.abs(found).max()), 1.0)
        if queries.excluded is not None:
            found[queries.excluded.flat()] = -np.inf
        items = np.broadcast_to(np.arange(found.shape[1]), found.shape)
        if queries.candidates is not None:
            items = queries.candidates.padded(0).astype(np.int64)
            found = np.take_along_axis(found, items, axis=1)
        return ItemLists(items, found.astype(np.float32))

    return answer


# ------------------------------------------------------------ one seed


def asked(dataset: Dataset, queries: Queries, tested: np.ndarray) -> Mapping[str, Queries]:
    """The two questions: which of the new items, which of all."""
    count = len(queries)
    rows = Ragged(tested, np.zeros(count, np.int64), np.full(count, len(tested)))
    whole = queries.excluding(queries.history)
    return {"among the new": replace(queries, candidates=rows), "among all": whole}


def rows(made: Made, seed: int, depth: int) -> list[list[str]]:
    """The rows of one seed."""
    dataset = made.served
    kept = {f"{name}@{depth}" for name in ("ndcg", "recall")}
    metrics = {name: metric for name, metric in evaluate.metrics_of(made.page, dataset).items() if name in kept}
    queries, truth = dataset.held_out("test")
    tested = np.unique(truth.items.flat()[1]).astype(np.int64)
    beside = {"chance": chance(dataset, seed), "popularity of the categories": popularity(dataset)}
    beside["categories of the history"] = alike(dataset)
    found = []
    for question, one in asked(dataset, queries, tested).items():
        judged = evaluate.judged(made.page, dataset, made.final, made.learned, metrics)
        measured = {name: measure(responder, one, truth, metrics) for name, responder in judged.items()}
        measured |= {name: measure(ranking(scores), one, truth, metrics) for name, scores in beside.items()}
        first = measured[next(iter(judged))]
        for name, row in measured.items():
            found.append([str(seed), question, name, *told(row), *([""] * 2 if row is first else gap(first, row))])
    return found


def told(row: Measured) -> list[str]:
    spread = intervals(row)
    return [cell for name in row.values for cell in (f"{row.values[name]:.4f}", recorded.ends(*spread[name]))]


def gap(first: Measured, row: Measured) -> list[str]:
    """The model minus this row in the first metric: interval and p."""
    found = paired(first, row, next(iter(row.values)))
    return [recorded.ends(found.low, found.high), f"{found.p:.4f}"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=sorted(DEPTH))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    depth, body, runs = DEPTH[options.name], [], []
    metrics = [f"evaluate.metrics=[{{name='ndcg',k={depth}}},{{name='recall',k={depth}}}]"]
    changes = "".join(f" --set {one}" for one in options.set)
    command = f"python benchmarks/cold_items.py {options.name} FOLDER --seeds {options.seeds}{changes}"
    shown = [cell for name in ("NDCG", "Recall") for cell in (f"{name}@{depth}", "95 %")]
    for seed in map(int, options.seeds.split(",")):
        runs.append(options.work / f"cold-{options.name}-{seed}")
        given = [*settings(options.name, options.folder), *metrics, f"seed={seed}", *options.set]
        recorded.report(f"cold_{options.name}", given, runs[-1])
        made, _ = opened(runs[-1])
        body += rows(made, seed, depth)
        counts = f"{made.dataset.n_items:,} items, {len(made.dataset.held_out('test')[0]):,} users asked"
        lines = recorded.head(f"New items of {options.name}: {counts}", command, runs)
        heads = ["seed", "question", "row", *shown, f"95 % of model - row, NDCG@{depth}", "p"]
        recorded.write([*lines, *recorded.table(heads, body)], options.out)


if __name__ == "__main__":
    main()
