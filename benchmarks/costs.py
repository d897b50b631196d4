"""What a step, a ranking and a preparation cost as the catalogue, the histories and the users grow.

    python benchmarks/costs.py [--parts items,length,users] [--top 1000000] [--out benchmarks/results/costs.md]

Data is drawn: events follow Zipf's law over the items. Of each cell the better of two measurements counts (of ease the
only one), and the peak is what the process took beyond what it held before, sampled every 5 ms. A slope is that of the
logarithm of the cost over the logarithm of the size, from the two largest sizes: 1 is linear, less is better. Costs
that do not grow yet at small sizes make slopes over all sizes look better than they are.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
import recorded
import torch

from p5rec.commands import page as pages
from p5rec.commands import prepare
from p5rec.contracts import Dataset, Queries, StepsAside
from p5rec.core.config import Config
from p5rec.core.progress import measured
from p5rec.models.ease import Ease
from p5rec.models.itemknn import ItemKNN
from p5rec.models.popular import Popular
from p5rec.models.sasrec import Sasrec
from p5rec.responders.scorer import Scorer
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.testing.making import setting
from p5rec.testing.sequences import from_sequences
from p5rec.training.balance.fixed import Fixed
from p5rec.training.fit import TrainConfig, fit
from p5rec.training.tuning.full import Full

WIDTH, PLACES, STEPS = 64, 512, 3
Cost = tuple[float, float]  # processor seconds, MB


def drawn(users: int, events: int, items: int) -> dict[str, list[str]]:
    """Users and their events, each item as likely as one over its place."""
    rng = np.random.default_rng(0)
    places = (items ** rng.random((users, events))).astype(np.int64) - 1
    names = [f"i{n}" for n in range(items)]
    return {f"u{user}": [names[place] for place in row] for user, row in enumerate(places.tolist())}


def best(work: Callable[[], object], rounds: int = 2) -> Cost:
    """The better of some measurements of processor seconds, which others on the machine hardly change; the peak beyond
    what was held before the first.
    """
    held, seconds, peak = psutil.Process().memory_info().rss / 2**20, math.inf, 0.0
    for _ in range(rounds):
        start = time.process_time()
        with measured(interval=0.005) as cost:
            work()
        seconds, peak = min(seconds, time.process_time() - start), max(peak, cost.peak_mb - held)
    return seconds, max(peak, 0.0)


def step(dataset: Dataset, loss: str, length: int = 50, places: int = PLACES) -> Cost:
    """A step of sasrec, from the difference of two runs, and the peak of the longer one."""
    made_for, weights = setting(dataset), {"next_item": 1.0}

    def steps(count: int) -> None:
        model = Sasrec(Sasrec.Config(width=WIDTH, length=length), made_for)
        task = NextItem(NextItemConfig(loss=loss, positions=places), made_for)
        train, balance = TrainConfig(steps=count, epochs=10**6), Fixed(Config(), weights)
        fit(model, {"next_item": task}, dataset, train, weights=weights, balance=balance, tuning=Full(Config()))

    few, _ = best(lambda: steps(1))
    many, peak = best(lambda: steps(1 + STEPS))
    return (many - few) / STEPS, peak


def solved(model: Any, dataset: Dataset, **settings: Any) -> Cost | str:
    """Solving a model, or why it steps aside."""
    try:
        rounds = 1 if model is Ease else 2
        return best(lambda: model(model.Config(**settings), setting(dataset)).solve(dataset), rounds)
    except StepsAside as reason:
        return str(reason).split(" (")[0]


def ranking(model: Any, dataset: Dataset, queries: Queries) -> Cost:
    """The ten best of each query."""
    scorer = Scorer(Scorer.Config(), {"model": model}, dataset)
    scorer(queries.rows(slice(0, 1)), 10)
    return best(lambda: scorer(queries, 10))


def of_items(top: int) -> list[str]:
    """Against the size of the catalogue."""
    rows: dict[str, list[Cost | str]] = {}
    sizes = [*(10**power for power in range(3, 7) if 10**power < top), top]
    for size in sizes:
        users = drawn(2_000, 20, size)
        dataset = from_sequences(users, items=[f"i{n}" for n in range(size)])
        queries = dataset.held_out("test")[0].rows(slice(0, 64))
        add(rows, "sasrec, a step, full softmax", step(dataset, "softmax"))
        add(rows, "sasrec, a step, sampled softmax", step(dataset, "sampled"))
        model = Sasrec(Sasrec.Config(width=WIDTH), setting(dataset))
        add(rows, "sasrec, ranking 64 users", ranking(model, dataset, queries))
        add(rows, "popular, solving", solved(Popular, dataset))
        add(rows, "itemknn, solving with settings given", solved(ItemKNN, dataset, tune=False))
        add(rows, "ease, solving", solved(Ease, dataset))
    title = f"Against the catalogue (2,000 users of 20 events; width {WIDTH}, {PLACES} things a step)"
    return lines(title, "items", sizes, rows)


def of_length() -> list[str]:
    """Against the length of histories."""
    rows: dict[str, list[Cost | str]] = {}
    sizes = [10, 30, 100, 300, 1000]
    for size in sizes:
        dataset = from_sequences(drawn(256, size + 2, 1_000))
        queries = dataset.held_out("test")[0]
        add(rows, "sasrec, a step of 8 histories", step(dataset, "sampled", size, 8 * (size + 1)))
        model = Sasrec(Sasrec.Config(width=WIDTH, length=size), setting(dataset))
        add(rows, "sasrec, ranking 256 users", ranking(model, dataset, queries))
        add(rows, "itemknn, solving with settings given", solved(ItemKNN, dataset, tune=False))
    return lines("Against the length of histories (1,000 items)", "events a user", sizes, rows)


def of_users() -> list[str]:
    """Against the number of users: from a file to a dataset, and ranking all of them."""
    rows: dict[str, list[Cost | str]] = {}
    sizes = [10**3, 10**4, 10**5]
    for size in sizes:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "sequences.txt"
            file.write_text("\n".join(f"{user} {' '.join(row)}" for user, row in drawn(size, 10, 1_000).items()))
            page = pages.read({"data": {"path": str(file), "source": "sequences"}})
            work = partial(_prepared, page, Path(folder), iter("ab"))
            add(rows, "preparing", best(work))
            dataset = prepare.run(page, Path(folder) / "a")
            queries = dataset.held_out("test")[0]
            model = Sasrec(Sasrec.Config(width=WIDTH), setting(dataset))
            add(rows, "sasrec, ranking all", ranking(model, dataset, queries))
            add(rows, "itemknn, solving with settings given", solved(ItemKNN, dataset, tune=False))
    return lines("Against the users (10 events each, 1,000 items)", "users", sizes, rows)


def _prepared(page: pages.Page, folder: Path, names: Iterator[str]) -> None:
    prepare.run(page, folder / next(names))


def add(rows: dict[str, list[Cost | str]], name: str, cost: Cost | str) -> None:
    rows.setdefault(name, []).append(cost)
    print(name, cost, flush=True)


def lines(title: str, what: str, sizes: list[int], rows: dict[str, list[Cost | str]]) -> list[str]:
    """A table, and below it the sentences of those that step aside."""
    found = ["", f"## {title}", "", f"| {what} | {' | '.join(f'{size:,}' for size in sizes)} | slope s | slope MB |"]
    found.append("|---" * (len(sizes) + 3) + "|")
    aside: list[str] = []
    for name, costs in rows.items():
        aside += [
            f"{name}, {size:,} {what}: {cost}."
            for size, cost in zip(sizes, costs, strict=True)
            if isinstance(cost, str)
        ]
        told = [cost if isinstance(cost, str) else f"{_time(cost[0])}, {cost[1]:,.0f} MB" for cost in costs]
        told = ["steps aside" if isinstance(cost, str) else one for cost, one in zip(costs, told, strict=True)]
        found.append(f"| {name} | {' | '.join(told)} | {slope(sizes, costs, 0)} | {slope(sizes, costs, 1)} |")
    return [*found, *([""] if aside else []), *aside]


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def slope(sizes: list[int], costs: list[Cost | str], which: int) -> str:
    """Of the logarithms, between the two largest sizes that were measured."""
    known = [(size, cost[which]) for size, cost in zip(sizes, costs, strict=True) if not isinstance(cost, str)]
    if len(known) < 2 or min(cost for _, cost in known[-2:]) < (1e-4, 1.0)[which]:
        return "–"
    (small, less), (large, more) = known[-2:]
    return f"{math.log(more / less) / math.log(large / small):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="items,length,users")
    parser.add_argument("--top", type=int, default=1_000_000, help="largest catalogue")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    work = {"items": lambda: of_items(options.top), "length": of_length, "users": of_users}
    found = [line for part in options.parts.split(",") for line in work[part]()]
    head = [
        "# What grows with the data, and how",
        "",
        f"`python benchmarks/costs.py --parts {options.parts} --top {options.top}`, {datetime.now(UTC):%Y-%m-%d}, "
        f"commit {recorded.commit()}, {torch.get_num_threads()} of {os.cpu_count()} cores, {platform.machine()}, "
        f"torch {torch.__version__}. Processor seconds, and megabytes beyond what was held; slopes of logarithms "
        "between the two largest sizes.",
    ]
    recorded.write([*head, *found], options.out)


if __name__ == "__main__":
    main()
