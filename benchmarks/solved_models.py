"""Quality of the models without gradients and of their blend, through the same rankers that evaluation and serving use.

    python benchmarks/solved_models.py DATA [--of popular,itemknn,ease,mf] [--set itemknn.distance=1.0 ...] [--blend]
                                       [--out benchmarks/results/solved_models.md]

DATA is a file of lines "user item item …" or the folder of a prepared dataset. Leave-one-out, fitted on training rows
only, full ranking, seen items left out, ties against the model; settings are chosen on validation. With --out a row
is written as soon as it is known.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import recorded
import torch

from p5rec.contracts import Dataset, Model, Responder
from p5rec.core.config import assign, build
from p5rec.data import storage
from p5rec.evaluation.evaluate import evaluate
from p5rec.testing.making import FOLDERS, setting

PARTS, METRICS = ("valid", "test"), ("ndcg", "recall")


def solved(name: str, settings: dict[str, Any], dataset: Dataset) -> Model:
    plug = FOLDERS["model"].load(name)
    model: Any = plug(build(plug.Config, settings, name), setting(dataset))
    model.solve(dataset)
    return model.eval()


def made(name: str, inner: dict[str, Any], dataset: Dataset) -> Responder:
    plug = FOLDERS["responder"].load(name)
    responder: Responder = plug(plug.Config(), inner, dataset)
    return responder


def judged(ranker: Responder, dataset: Dataset) -> list[str]:
    plugs = {name: FOLDERS["metric"].load(name) for name in METRICS}
    metrics = {name: plug(build(plug.Config, {"k": 10}), dataset) for name, plug in plugs.items()}
    unseen, cells = made("unseen", {"one": ranker}, dataset), []
    for part in PARTS:
        values = evaluate(unseen, *dataset.held_out(part), metrics).values
        cells += [f"{values[name]:.4f}" for name in METRICS]
    return cells


def blended(rankers: dict[str, Responder], dataset: Dataset) -> Responder:
    blend: Any = made("blend", rankers, dataset)
    queries, truth = dataset.held_out("valid")
    blend.fit(queries.excluding(queries.history), truth)
    print(blend.learned(), flush=True)
    return blend


def rows(dataset: Dataset, names: list[str], settings: dict[str, Any], blend: bool) -> Any:
    rankers: dict[str, Responder] = {}
    for name in [*names, *(["blend"] if blend else [])]:
        start = time.perf_counter()
        if name == "blend":
            ranker = blended(dict(rankers), dataset)
        else:
            ranker = rankers[name] = made("scorer", {"one": solved(name, settings.get(name, {}), dataset)}, dataset)
        seconds = time.perf_counter() - start
        yield [name, *judged(ranker, dataset), f"{seconds:.1f}"]


def heading(given: argparse.Namespace, dataset: Dataset) -> list[str]:
    command = " ".join(
        ["python benchmarks/solved_models.py", f".../{given.data.parent.name}/{given.data.name}", "--of", given.of]
        + [part for one in given.set for part in ("--set", one)]
        + ["--blend"] * given.blend
    )
    return [
        "",
        f"## {given.data.parent.name if given.data.is_file() else given.data.name}",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, commit {recorded.commit()}, "
        f"{torch.get_num_threads()} threads: "
        f"{dataset.n_users:,} users, {dataset.n_items:,} items, {len(dataset.events['item']):,} events.",
        "",
        "| model | valid NDCG@10 | valid Recall@10 | test NDCG@10 | test Recall@10 | seconds to fit |",
        "|---|---|---|---|---|---|",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--of", default="popular,itemknn,ease,mf")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--blend", action="store_true")
    parser.add_argument("--out", type=Path, help="a file that rows are added to")
    given = parser.parse_args()
    settings: dict[str, Any] = {}
    for one in given.set:
        assign(settings, one)
    dataset = storage.load(given.data) if given.data.is_dir() else recorded.read(given.data)
    start = "# Models without gradients\n"
    recorded.add(heading(given, dataset), given.out, start)
    for cells in rows(dataset, given.of.split(","), settings, given.blend):
        recorded.add([f"| {' | '.join(cells)} |"], given.out, start)


if __name__ == "__main__":
    main()
