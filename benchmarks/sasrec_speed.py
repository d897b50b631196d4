"""Speed of sasrec training through `fit` beside a bare torch loop of the same net fed ready tensors.

    flock /tmp/cpu.lock python benchmarks/sasrec_speed.py ../shared/data/amazon-beauty/sequences.txt

All loops take the same steps over the same rows, in turn, in one process; what is compared is wall time of whole
calls, set-up included. `bare` makes the gradient of the softmax in its forward pass, as p5rec does; `plain` uses
`F.log_softmax`. Aim: p5rec at no less than 90 % of `bare`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import bare_sasrec
import recorded
import torch

from p5rec.contracts import Dataset, Stream
from p5rec.core.config import Config
from p5rec.models.sasrec import Sasrec, SasrecConfig
from p5rec.tasks.next_item import NextItem, NextItemConfig, Wanted
from p5rec.testing.making import setting
from p5rec.training.balance.fixed import Fixed
from p5rec.training.fit import TrainConfig, fit
from p5rec.training.precision import low
from p5rec.training.tuning.full import Full

OUT = Path(__file__).parent / "results" / "sasrec_speed.md"


def loops(dataset: Dataset, width: int, steps: int) -> dict[str, Callable[[], list[float]]]:
    """Name → a call that takes so many steps with a fresh net."""
    made_for, train = setting(dataset), TrainConfig(steps=steps, epochs=1000)
    config = SasrecConfig(width=width)
    task = NextItem(NextItemConfig(), made_for)
    low_precision = low(train, torch.device("cpu"))

    def ours() -> list[float]:
        model = Sasrec(config, made_for)
        tasks, weights = {"next_item": NextItem(NextItemConfig(), made_for)}, {"next_item": 1.0}
        history = fit(
            model, tasks, dataset, train, weights=weights, balance=Fixed(Config(), weights), tuning=Full(Config())
        )
        return history.losses["next_item"]

    ready = [tensors(*task.batch(dataset, Sasrec(config, made_for), 0, step)) for step in range(steps)]

    def bare(fused: bool) -> list[float]:
        shape = (width, config.blocks, config.heads, config.length, config.dropout)
        return bare_sasrec.train(bare_sasrec.Net(dataset.n_items, *shape), ready, low_precision, fused)

    return {"p5rec": ours, "bare": lambda: bare(True), "plain": lambda: bare(False)}


def tensors(stream: Stream, wanted: Wanted) -> bare_sasrec.Batch:
    weights = wanted.weights / wanted.weights.sum()
    return stream.values[:, 1:].contiguous(), stream.asks >= 0, wanted.items, weights


def measure(calls: dict[str, Callable[[], list[float]]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each call in each round; the order turns from round to round."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(rounds + 1):  # the first round warms up
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            begin = time.perf_counter()
            calls[name]()
            if turn:
                found[name].append(time.perf_counter() - begin)
                print(f"round {turn} {name}: {found[name][-1]:.2f} s", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", type=Path)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    dataset = recorded.read(arguments.sequences)
    times = measure(loops(dataset, arguments.width, arguments.steps), arguments.rounds)
    ratios = {
        other: statistics.median(b / o for b, o in zip(times[other], times["p5rec"], strict=True))
        for other in ("bare", "plain")
    }
    row = " | ".join(f"{1000 * statistics.median(times[name]) / arguments.steps:.0f}" for name in times)
    line = (
        f"| {date.today()} | {recorded.commit()} | {arguments.sequences.parent.name} | {arguments.width} | "
        f"{arguments.steps} × {arguments.rounds} | {row} | {100 * ratios['bare']:.0f} % | "
        f"{100 * ratios['plain']:.0f} % |"
    )
    recorded.add([line], OUT, HEAD)


HEAD = """# Speed of sasrec training

```
python benchmarks/sasrec_speed.py ../shared/data/amazon-beauty/sequences.txt
```

Milliseconds a step (median of the rounds), and the speed of p5rec as a share of the others' (median of the ratios
of each round); two cores, full softmax, 2,048 positions a step.

| date | commit | data | width | steps × rounds | p5rec | bare | plain | of bare | of plain |
|---|---|---|---|---|---|---|---|---|---|
"""


if __name__ == "__main__":
    main()
