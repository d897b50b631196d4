"""Full ranking through the responders, against the bare matrix product and top-k of ready vectors, in the same run.

    python benchmarks/ranking_speed.py [SEQUENCES] [--users N] [--out benchmarks/results/ranking_speed.md]

SEQUENCES is a file of lines "user item item …" (Beauty of ../shared/data by default). Each side ranks every user's
whole catalogue and keeps ten items. The bare side is given vectors of users and items that are ready; ours is
`unseen(scorer)`: it makes the stream of each history, encodes it, multiplies, leaves out what was seen and keeps the
ten best. Weights play no part in speed, so sasrec is not trained. The sides take turns; the best of the rounds counts.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import recorded
import torch

from p5rec.contracts import Dataset, Factored, Queries, collate
from p5rec.models.mf import MF
from p5rec.models.sasrec import Sasrec
from p5rec.responders.scorer import Scorer
from p5rec.responders.unseen import Unseen
from p5rec.testing.making import setting

K, ROWS = 10, 512
DEFAULT = Path(os.environ.get("P5REC_SHARED", "../shared/data")) / "amazon-beauty" / "sequences.txt"


def models(dataset: Dataset) -> dict[str, Factored]:
    made_for = setting(dataset)
    mf = MF(MF.Config(width=128, sweeps=1), made_for)
    mf.solve(dataset)
    return {
        "mf, width 128": mf.eval(),
        "sasrec, width 128, one block": Sasrec(Sasrec.Config(width=128), made_for).eval(),
    }


def encoded(model: Factored, queries: Queries) -> torch.Tensor:
    """(Q, D) ready vectors of users."""
    rows = [queries.rows(slice(start, start + ROWS)) for start in range(0, len(queries), ROWS)]
    return torch.cat([model.vectors(model.encode(collate(part, model.length)))[:, 0] for part in rows])


def bare(users: torch.Tensor, items: torch.Tensor) -> None:
    for part in users.split(ROWS):
        torch.topk(part @ items.T, K)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(model: Factored, dataset: Dataset, rounds: int, users: int | None) -> tuple[float, float, float]:
    """Best seconds of the bare side, of ours, and of the encoding within ours."""
    queries = dataset.held_out("test")[0].rows(slice(0, users))  # users are numbered at random
    ranker = Unseen(Unseen.Config(), {"one": Scorer(Scorer.Config(), {"model": model}, dataset)}, dataset)
    with torch.inference_mode():
        ready, items = encoded(model, queries), model.catalogue().contiguous()
        sides: list[Callable[[], object]] = [lambda: bare(ready, items), lambda: ranker(queries, K)]
        found = [[seconds(side) for side in sides] for _ in range(rounds + 1)][1:]
        order = queries.history.lengths.argsort()
        coding = min(seconds(lambda: encoded(model, queries.rows(order))) for _ in range(rounds))
    return min(one for one, _ in found), min(other for _, other in found), coding


def table(dataset: Dataset, rounds: int, users: int | None) -> list[str]:
    lines = ["| model | bare, s | ours, s | ours / bare | of it encoding, s |", "|---|---|---|---|---|"]
    for name, model in models(dataset).items():
        without, ours, coding = compare(model, dataset, rounds, users)
        lines.append(f"| {name} | {without:.2f} | {ours:.2f} | {ours / without:.2f} | {coding:.2f} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--users", type=int, help="so many users only")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    dataset = recorded.read(given.sequences)
    lines = table(dataset, given.rounds, given.users)
    if given.out:
        users = given.users or dataset.n_users
        data = f".../{given.sequences.parent.name}/{given.sequences.name}"
        head = [
            "# Full ranking, against the bare matrix product and top-k",
            "",
            f"`python benchmarks/ranking_speed.py {data}{f' --users {users}' if given.users else ''}`, "
            f"{datetime.now(UTC):%Y-%m-%d}, commit {recorded.commit()}, {torch.get_num_threads()} threads, "
            f"{platform.machine()}, torch {torch.__version__}: {users:,} users, {dataset.n_items:,} items, "
            f"the {K} best of each; the best of {given.rounds} rounds.",
            "",
        ]
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
