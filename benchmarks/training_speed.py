"""Useful arithmetic of training as a share of what a plain bfloat16 product reaches, and where the time goes.

    python benchmarks/training_speed.py SEQUENCES [--models sasrec,p5] [--steps 30] [--rounds 3]
                                        [--out benchmarks/results/training_speed.md]

Useful operations are counted from shapes, of real positions only (padding is work nobody wants). With D the width, h
the width of the feed-forward net in multiples of D, V items, a row of n things (START and n - 1 items, each asked):

    forward of a block = n (8 + 4 h) D² + 2 D n (n + 1)        projections and feed-forward; a causal row of attention
    forward of a row   = blocks x the former + (n - 1) 2 D V   and the softmax over the catalogue
    a step             = 3 x the sum over rows                 the backward pass makes two products of each

Nothing else counts as useful: norms, dropout, exponentials, gathers, the optimiser. The plain side multiplies square
bfloat16 matrices of 2,048 in the same process, between the rounds; the shares are medians over the rounds. The
profile is torch's own, of as many steps again.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import recorded
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from p5rec.contracts import Bound, Dataset, Model, Stream
from p5rec.core.config import Config
from p5rec.models.p5 import P5
from p5rec.models.sasrec import Sasrec
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.testing.making import setting
from p5rec.training import run as running
from p5rec.training.balance.fixed import Fixed
from p5rec.training.fit import TrainConfig, fit
from p5rec.training.tuning.full import Full

SIDE, AGAIN = 2048, 8
MODELS: dict[str, Any] = {
    "sasrec": lambda made_for: Sasrec(Sasrec.Config(), made_for),
    "p5": lambda made_for: P5(P5.Config(blocks=1, dropout=0.5, length=50, positions="start", names=0), made_for),
}
GROUPS = {  # a part of an operator's name → what the table calls it; the first that fits counts
    "_FusedSoftmax": "softmax over the catalogue, without its products",
    "scaled_dot": "attention",
    "flash": "attention",
    "addmm": "products",
    "::mm": "products",
    "bmm": "products",
    "linear": "products",
    "adam": "optimiser",
    "norm": "norms and clipping",
    "exp_": "exponentials and row sums of the softmax",
    "amax": "exponentials and row sums of the softmax",
    "sub_": "exponentials and row sums of the softmax",
    "mul_": "scaling in place (softmax, decay)",
    "index": "gathering and scattering rows",
    "gather": "gathering and scattering rows",
    "embedding": "gathering and scattering rows",
    "copy_": "copies and changes of precision",
    "_to_copy": "copies and changes of precision",
    "cat": "copies and changes of precision",
    "gelu": "activations",
    "rand": "draws for dropout",
    "bernoulli": "draws for dropout",
}


def plain() -> float:
    """Operations a second of a square bfloat16 product."""
    square = torch.randn(SIDE, SIDE, dtype=torch.bfloat16)
    square @ square
    start = time.perf_counter()
    for _ in range(AGAIN):
        square @ square
    return AGAIN * 2 * SIDE**3 / (time.perf_counter() - start)


def useful(stream: Stream, model: Any, items: int) -> float:
    """Operations of a step; see the head of this file."""
    width, hidden, blocks = model.config.width, model.config.hidden, model.config.blocks
    lengths = (stream.kinds[:, : model.length] != 0).sum(1).double()
    block = (lengths * (8 + 4 * hidden) * width**2 + 2 * width * lengths * (lengths + 1)).sum()
    return float(3 * (blocks * block + (stream.asks >= 0).sum() * 2 * width * items))


def trained(name: str, dataset: Dataset, steps: int) -> tuple[Model, float]:
    """Seconds of so many steps through `fit`, set-up included."""
    made_for = setting(dataset)
    model = MODELS[name](made_for)
    if isinstance(model, Bound):
        model.bind(dataset)
    tasks, weights = {"next_item": NextItem(NextItemConfig(), made_for)}, {"next_item": 1.0}
    train, balance = TrainConfig(steps=steps, epochs=1000), Fixed(Config(), weights)
    start = time.perf_counter()
    fit(model, tasks, dataset, train, weights=weights, balance=balance, tuning=Full(Config()))
    return model, time.perf_counter() - start


def measured(name: str, dataset: Dataset, steps: int, rounds: int) -> dict[str, float]:
    """Medians over rounds: seconds a step, share of the plain product, positions a second."""
    model, _ = trained(name, dataset, 3)
    task = NextItem(NextItemConfig(), setting(dataset))
    streams = [task.batch(dataset, model, 0, step)[0] for step in range(steps)]
    work = sum(useful(stream, model, dataset.n_items) for stream in streams)
    places = sum(int((stream.kinds != 0).sum()) for stream in streams)
    found = defaultdict(list)
    for _ in range(rounds):
        before, (_, seconds), after = plain(), trained(name, dataset, steps), plain()
        found["share"].append(work / seconds / statistics.mean([before, after]))
        found["plain"].append(statistics.mean([before, after]))
        found["step"].append(seconds / steps)
        found["positions"].append(places / seconds)
        print(name, {key: round(values[-1], 4) for key, values in found.items()}, flush=True)
    return {key: statistics.median(values) for key, values in found.items()} | {"work": work / steps}


def phases(name: str, dataset: Dataset, steps: int) -> tuple[dict[str, float], dict[str, float]]:
    """Share of the time of each phase of a step, and of each group of operators."""
    named = {"batch": "making the batch", "_losses": "forward pass and loss", "_descend": "backward, clip, optimiser"}
    kept = {method: getattr(running.Run, method) for method in named}
    for method, work in kept.items():
        setattr(running.Run, method, _recorded(work, named[method]))
    try:
        with profile(activities=[ProfilerActivity.CPU]) as seen:
            trained(name, dataset, steps)
    finally:
        for method, work in kept.items():
            setattr(running.Run, method, work)
    events = seen.key_averages()
    parts = {one.key: one.cpu_time_total for one in events if one.key in named.values()}
    groups: dict[str, float] = defaultdict(float)
    for one in events:
        if one.key not in named.values():
            fit_to = next((group for part, group in GROUPS.items() if part.lower() in one.key.lower()), "the rest")
            groups[fit_to] += one.self_cpu_time_total
    for one in sorted(events, key=lambda event: -event.self_cpu_time_total)[:14]:
        print(f"  {one.key:60} {one.self_cpu_time_total / 1e3 / steps:8.2f} ms a step, {one.count // steps} calls")
    return _shares(parts), _shares(groups)


def _recorded(work: Any, title: str) -> Any:
    def recorded(*args: Any, **named: Any) -> Any:
        with record_function(title):
            return work(*args, **named)

    return recorded


def _shares(times: dict[str, float]) -> dict[str, float]:
    total = sum(times.values())
    return dict(sorted(((key, value / total) for key, value in times.items()), key=lambda pair: -pair[1]))


def lines(dataset: Dataset, options: argparse.Namespace) -> list[str]:
    """The tables."""
    table = [
        "| model | ms a step | useful GFLOP a step | of the plain product | positions a second |",
        "|---|---|---|---|---|",
    ]
    profiles: list[str] = []
    for name in options.models.split(","):
        one = measured(name, dataset, options.steps, options.rounds)
        table.append(
            f"| {name} | {1000 * one['step']:.0f} | {one['work'] / 1e9:.1f} | {100 * one['share']:.0f} % (plain: "
            f"{one['plain'] / 1e9:.0f} GFLOP/s) | {one['positions']:,.0f} |"
        )
        parts, groups = phases(name, dataset, options.steps)
        profiles += ["", f"Where a step of {name} goes: {_told(parts)}. By operators:", "", "| operators | share |"]
        profiles += ["|---|---|", *(f"| {key} | {100 * value:.0f} % |" for key, value in groups.items())]
    return [*table, *profiles]


def _told(parts: dict[str, float]) -> str:
    return ", ".join(f"{key} {100 * value:.0f} %" for key, value in parts.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", type=Path)
    parser.add_argument("--models", default="sasrec,p5")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    dataset = recorded.read(options.sequences)
    found = lines(dataset, options)
    data = f".../{options.sequences.parent.name}/{options.sequences.name}"
    head = [
        "# Useful arithmetic of training, and where the time goes",
        "",
        f"`python benchmarks/training_speed.py {data} --steps {options.steps} --rounds {options.rounds}`, "
        f"{datetime.now(UTC):%Y-%m-%d}, commit {recorded.commit()}, {torch.get_num_threads()} of "
        f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}. {dataset.n_items:,} items, "
        "full softmax, 2,048 things a step, one block of width 128. The head of the script says what counts as useful.",
        "",
    ]
    recorded.write([*head, *found], options.out)


if __name__ == "__main__":
    main()
