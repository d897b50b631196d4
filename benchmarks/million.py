"""The best ten of one million items: p5rec's responders beside a bare torch and a bare numpy programme.

    python benchmarks/million.py [--items 1000000] [--queries 256] [--rounds 3] [--out benchmarks/results/million.md]

No data set here has a million items, so the vectors are made: of width 128 and length 1, around 5,000 centres in the
half of the rows that is called grouped (as catalogues of trained vectors are), without any order in the other, where
nothing can help an index. A user is the mean of the vectors of one to twenty items of a history. All sides get ready
vectors of items; the bare ones ready vectors of users too; p5rec makes the stream of each history and reads it.
The bare side multiplies in blocks of as many cells as p5rec and keeps the ten best of each row. Sides take turns in one
process; ratios are medians over the rounds.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import recorded
import torch
from torch import Tensor

from p5rec.blocks.stream import Kind, Stream
from p5rec.contracts import Factored, Queries, collate
from p5rec.responders.nearest import Nearest
from p5rec.responders.scorer import Scorer
from p5rec.serving.indexes.exact import Exact
from p5rec.serving.indexes.faiss import Faiss

K, WIDTH, CELLS = 10, 128, 8_000_000
Side = Callable[[Queries], np.ndarray]


class Mean(Factored):
    """A user is the mean of what stands in the history; nothing is learned."""

    length = 50

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table)

    def encode(self, stream: Stream) -> Tensor:
        """(B, 1, D)."""
        item = stream.kinds == Kind.ITEM
        found = self.table[stream.values.clamp(min=0) * item] * item.unsqueeze(-1)
        return (found.sum(1) / item.sum(1, keepdim=True).clamp(min=1)).unsqueeze(1)

    def vectors(self, state: Tensor) -> Tensor:
        """(B, 1, D)."""
        return state

    def catalogue(self, items: Tensor | None = None) -> Tensor:
        """(V, D)."""
        return self.table if items is None else self.table[items]


def catalogue(items: int, grouped: bool) -> tuple[Tensor, np.ndarray]:
    """(V, D) vectors and the group of each."""
    torch.manual_seed(0)
    groups = torch.randint(max(items // 200, 1), (items,))
    vectors = torch.randn(items, WIDTH)
    if grouped:
        vectors += torch.randn(max(items // 200, 1), WIDTH)[groups]
    return torch.nn.functional.normalize(vectors, dim=-1), groups.numpy()


def asked(groups: np.ndarray, count: int) -> Queries:
    """Histories of one to twenty items out of one or two groups."""
    rng, order = np.random.default_rng(1), np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(groups.max() + 2))
    rows = []
    for _ in range(count):
        near = np.concatenate([order[starts[g] : starts[g + 1]] for g in rng.integers(groups.max() + 1, size=2)])
        rows.append(rng.choice(near[: len(near) // int(rng.integers(1, 3))], int(rng.integers(1, 21))))
    return Queries.of(rows)


def bare_torch(model: Mean, queries: Queries) -> np.ndarray:
    """A careful programme: as many rows at once as fit, one product, one topk."""
    users = _ready(model, queries)
    parts = [torch.topk(part @ model.table.T, K).indices for part in users.split(max(CELLS // len(model.table), 1))]
    return torch.cat(parts).numpy()


def bare_numpy(model: Mean, queries: Queries) -> np.ndarray:
    """The same in numpy."""
    users, table, found = _ready(model, queries).numpy(), model.table.numpy(), []
    rows = max(CELLS // len(table), 1)
    for start in range(0, len(users), rows):
        scores = users[start : start + rows] @ table.T
        best = np.argpartition(-scores, K, axis=1)[:, :K]
        found.append(np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, 1), axis=1), 1))
    return np.concatenate(found)


READY: dict[int, Tensor] = {}


def _ready(model: Mean, queries: Queries) -> Tensor:
    """(Q, D) vectors of users, made once, outside of what is timed."""
    if id(queries) not in READY:
        with torch.inference_mode():
            READY[id(queries)] = model.encode(collate(queries, model.length))[:, 0]
    return READY[id(queries)]


def sides(model: Mean) -> tuple[dict[str, Side], dict[str, str]]:
    """Name → what ranks, and what is to be said of it."""
    shell: Any = SimpleNamespace(n_items=len(model.table), facts={})
    scorer = Scorer(Scorer.Config(), {"model": model}, shell)
    made: dict[str, Side] = {
        "bare torch": lambda queries: bare_torch(model, queries),
        "bare numpy": lambda queries: bare_numpy(model, queries),
        "`scorer`": lambda queries: scorer(queries, K).items,
    }
    said = dict.fromkeys(made, "")
    indexes: dict[str, Any] = {'`nearest`, index "exact"': Exact(Exact.Config())}
    indexes['`nearest`, index "faiss"'] = Faiss(Faiss.Config())
    for name, index in indexes.items():
        near = Nearest(Nearest.Config(), {"one": scorer}, shell)
        near.index = index
        start = time.perf_counter()
        near(Queries.of([[0]]), K)
        said[name] = f"built in {time.perf_counter() - start:.0f} s"
        made[name] = lambda queries, near=near: near(queries, K).items  # type: ignore[misc]
    faiss = indexes['`nearest`, index "faiss"']
    looked = f"{faiss._index.nprobe} of {faiss._index.nlist} lists" if hasattr(faiss._index, "nlist") else "exactly"
    said['`nearest`, index "faiss"'] += f", looks at {looked}; recall of its own queries {faiss.measured:.3f}"
    return made, said


def timed(made: dict[str, Side], queries: Queries, rounds: int) -> dict[str, list[float]]:
    """Seconds of each side in each round; the first round warms up."""
    found: dict[str, list[float]] = {name: [] for name in made}
    for turn in range(rounds + 1):
        for name, side in made.items():
            start = time.perf_counter()
            side(queries)
            if turn:
                found[name].append(time.perf_counter() - start)
    return found


def table(options: argparse.Namespace) -> list[str]:
    lines = [
        f"| vectors | side | {options.queries} at once, s | of bare torch | one alone, ms | of bare torch | recall@10 "
        "| built |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for grouped in (True, False) if options.kinds == "both" else (options.kinds == "grouped",):
        vectors, groups = catalogue(options.items, grouped)
        model = Mean(vectors)
        many, one = asked(groups, options.queries), asked(groups, 1)
        made, said = sides(model)
        right = bare_torch(model, many)
        batch, alone = timed(made, many, options.rounds), timed(made, one, 3 * options.rounds)
        for name, side in made.items():
            hits = (side(many)[:, :, None] == right[:, None, :]).any(2).mean()
            cells = [f"{statistics.median(batch[name]):.2f}", ratio(batch, name)]
            cells += [f"{1000 * statistics.median(alone[name]):.1f}", ratio(alone, name), f"{hits:.4f}", said[name]]
            lines.append(f"| {'grouped' if grouped else 'no order'} | {name} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
        READY.clear()
    return lines


def ratio(times: dict[str, list[float]], name: str) -> str:
    """Median over rounds of the time as a share of the bare programme's."""
    pairs = zip(times[name], times["bare torch"], strict=True)
    return f"{statistics.median(own / bare for own, bare in pairs):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", choices=["both", "grouped", "plain"], default="both")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with torch.inference_mode():
        lines = table(options)
    head = [
        f"# The ten best of {options.items:,} items",
        "",
        f"`python benchmarks/million.py --items {options.items} --queries {options.queries} --rounds {options.rounds} "
        f"--kinds {options.kinds}`, {datetime.now(UTC):%Y-%m-%d}, commit {recorded.commit()}, "
        f"{torch.get_num_threads()} of {os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}. "
        f"Vectors of width {WIDTH}, made as the head of the script says.",
        "",
    ]
    if options.out:
        options.out.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
