"""LightGCN beside a bare one of a few lines, and one of another library, on the same rows of MovieLens 100K.

    python benchmarks/lightgcn_reference.py [--data FOLDER] [--seeds 0,1,2] [--recbole FOLDER] [--work DIR]
                                            [--out benchmarks/results/lightgcn_reference.md]

A random quarter of the ratings is held out, all ratings count alike, 15 passes, no decay, as in
benchmarks/pages/lightgcn_reference.toml; nothing is chosen. FOLDER of --recbole holds the unpacked package
recbole==1.2.1 (``pip download --no-deps``), whose model class alone is driven; packages it asks for and does not need
here are left out. All lists are judged by the same few lines below. The published row is of the same kind of split,
drawn by others.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import recorded
import torch
from scipy import sparse
from torch import Tensor

from p5rec.commands import evaluate
from p5rec.commands.made import opened
from p5rec.data.dataset import Dataset

WIDTH, HOPS, PASSES, PAIRS, RATE, K = 64, 3, 15, 1024, 0.005, 10
PUBLISHED = ["README of Recommenders (Microsoft), their split, 15 epochs", "0.4198", "", "0.3796", "", "0.1443", ""]
UNNEEDED = ("ray", "hyperopt", "texttable", "colorlog", "colorama", "thop", "tabulate", "plotly", "kmeans_pytorch")
Score = Callable[[], np.ndarray]
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def judged(tops: np.ndarray, dataset: Dataset) -> tuple[float, float, float]:
    """NDCG, precision and recall of the K items of each asked user."""
    _, truth = dataset.held_out("test")
    discount = 1 / np.log2(np.arange(K) + 2)
    rows = []
    for top, right in zip(tops, truth.items, strict=True):
        hits, count = np.isin(top, right), len(set(right.tolist()))
        rows.append(((hits * discount).sum() / discount[: min(count, K)].sum(), hits.mean(), hits.sum() / count))
    ndcg, precision, recall = np.mean(rows, axis=0)
    return float(ndcg), float(precision), float(recall)


def best(scores: np.ndarray, dataset: Dataset) -> np.ndarray:
    """(Q, K) the best items of each asked user that are not trained on."""
    users = dataset.held_out("test")[0].users
    for row, seen in enumerate(dataset.history("train")):
        scores[row, seen] = -np.inf
    return np.argsort(-scores[users], axis=1, kind="stable")[:, :K]


def ours(run: Path) -> tuple[np.ndarray, Dataset]:
    made, _ = opened(run)
    data = made.served
    queries, _ = data.held_out("test")
    metrics = evaluate.metrics_of(made.page, data)
    lists = evaluate.judged(made.page, data, made.final, {}, metrics)["lightgcn"](queries, K)
    return lists.items, data


def trained(dataset: Dataset, seed: int, parameters: list[Tensor], loss: Loss) -> None:
    """Adam on one item of each pair against one the user has not."""
    user, item = dataset.history("train").flat()
    have = np.zeros((dataset.n_users, dataset.n_items), dtype=bool)
    have[user, item] = True
    rng, optimiser = np.random.default_rng(seed), torch.optim.Adam(parameters, RATE)
    for _ in range(PASSES):
        for chosen in np.array_split(rng.permutation(len(user)), -(-len(user) // PAIRS)):
            wrong = rng.integers(dataset.n_items, size=len(chosen))
            while (bad := have[user[chosen], wrong]).any():
                wrong[bad] = rng.integers(dataset.n_items, size=int(bad.sum()))
            optimiser.zero_grad()
            loss(*(torch.from_numpy(part.astype(np.int64)) for part in (user[chosen], item[chosen], wrong))).backward()
            optimiser.step()


def bare(dataset: Dataset, seed: int) -> np.ndarray:
    """(U, V) scores of the formula of the paper, written down once more."""
    torch.manual_seed(seed)
    users, count = dataset.n_users, dataset.n_users + dataset.n_items
    user, item = (torch.from_numpy(side.astype(np.int64)) for side in dataset.history("train").flat())
    ends = torch.stack([torch.cat([user, item + users]), torch.cat([item + users, user])])
    degree = torch.bincount(ends[0], minlength=count).float()
    spread = torch.sparse_coo_tensor(ends, (degree[ends[0]] * degree[ends[1]]).rsqrt(), (count, count)).coalesce()
    table = (torch.randn(count, WIDTH) * 0.1).requires_grad_()

    def final() -> Tensor:
        layers = [table]
        for _ in range(HOPS):
            layers.append(torch.sparse.mm(spread, layers[-1]))
        return torch.stack(layers).mean(0)

    def loss(user: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
        vectors = final()
        gap = (vectors[user] * (vectors[right + users] - vectors[wrong + users])).sum(1)
        return -torch.nn.functional.logsigmoid(gap).mean()

    trained(dataset, seed, [table], loss)
    vectors = final().detach()
    return (vectors[:users] @ vectors[users:].T).numpy()


def recbole(folder: Path, dataset: Dataset, seed: int) -> np.ndarray:
    """(U, V) scores of RecBole's model class, trained by the same loop."""
    kind, interaction = _recbole(folder)
    torch.manual_seed(seed)
    user, item = dataset.history("train").flat()
    shape = dataset.n_users, dataset.n_items
    told = sparse.coo_matrix((np.ones(len(user), np.float32), (user, item)), shape=shape)
    names = {"USER_ID_FIELD": "user", "ITEM_ID_FIELD": "item", "NEG_PREFIX": "wrong ", "device": torch.device("cpu")}
    settings = {"embedding_size": WIDTH, "n_layers": HOPS, "reg_weight": 0.0, "require_pow": False, **names}
    rows = SimpleNamespace(
        inter_matrix=lambda form: told, num=lambda field: shape[field == "item"], dataset_name="ml-100k"
    )
    model = kind(settings, rows)
    for table in (model.user_embedding, model.item_embedding):
        torch.nn.init.normal_(table.weight, std=0.1)

    def loss(user: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
        found: Tensor = model.calculate_loss(interaction({"user": user, "item": right, "wrong item": wrong}))
        return found

    trained(dataset, seed, list(model.parameters()), loss)
    with torch.no_grad():
        scores = model.full_sort_predict(interaction({"user": torch.arange(shape[0])}))
    return scores.view(shape).numpy()


def _recbole(folder: Path) -> tuple[Any, Any]:
    """Its LightGCN and its batches; packages that only its other parts need are empty here."""
    sys.path.insert(0, str(folder))
    for name in UNNEEDED:
        try:
            __import__(name)
        except ImportError:
            sys.modules[name] = _Empty(name)
    sparse.dok_matrix._update = lambda matrix, cells: matrix._dict.update(cells)  # as scipy had it when it was written
    from recbole.data.interaction import Interaction
    from recbole.model.general_recommender.lightgcn import LightGCN

    return LightGCN, Interaction


class _Empty(ModuleType):
    """A package in which every name is something that does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return SimpleNamespace()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", help="a folder of MovieLens 100K; fetched where left out")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--recbole", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    given = [f"data.path={options.data}"] if options.data else []
    command = (
        f"python benchmarks/lightgcn_reference.py --seeds {options.seeds}{' --recbole FOLDER' * bool(options.recbole)}"
    )
    found: dict[str, list[tuple[float, float, float]]] = {}
    runs: list[Path] = []
    for seed in map(int, options.seeds.split(",")):
        runs.append(options.work / f"lightgcn-reference-{seed}")
        recorded.report("lightgcn_reference", [*given, f"seed={seed}"], runs[-1])
        lists, data = ours(runs[-1])
        found.setdefault("p5rec", []).append(judged(lists, data))
        found.setdefault("bare torch", []).append(judged(best(bare(data, seed), data), data))
        if options.recbole:
            scores = recbole(options.recbole, data, seed)
            found.setdefault("RecBole 1.2.1", []).append(judged(best(scores, data), data))
        rows = [PUBLISHED]
        for name, seeds in found.items():
            columns = list(zip(*seeds, strict=True))
            cells = [[f"{statistics.mean(c):.4f}", f"{statistics.stdev(c) if len(c) > 1 else 0:.4f}"] for c in columns]
            rows.append([name, *(cell for pair in cells for cell in pair)])
        head = [
            "LightGCN of",
            *(part for name in ("NDCG@10", "precision@10", "recall@10") for part in (name, "± seeds")),
        ]
        lines = recorded.head("LightGCN beside others, MovieLens 100K", command, runs)
        recorded.write([*lines, *recorded.table(head, rows)], options.out)


if __name__ == "__main__":
    main()
