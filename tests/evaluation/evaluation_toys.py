"""Toy data and responders with scores of our own choosing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from p5rec.contracts import Dataset, ItemLists, Metric, Numbers, Queries, Truth
from p5rec.core.plugins import Folder
from p5rec.data.ragged import Ragged
from p5rec.testing.worlds import from_sequences

METRICS = Folder("metric", "p5rec.evaluation.metrics", Metric)


def metric(name: str, dataset: Dataset | None = None, **settings: Any) -> Metric:
    plug = METRICS.load(name)
    return plug(plug.Config(**settings), dataset if dataset is not None else world())


def world(users: int = 30, items: int = 40, length: int = 8, held_out: int = 1, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    rows = {f"u{u}": [f"i{i}" for i in rng.permutation(items)[:length]] for u in range(users)}
    return from_sequences(rows, held_out=held_out, items=[f"i{i}" for i in range(items)])


def truth_of(rows: list[list[int]], labels: list[list[float]] | None = None) -> Truth:
    given = labels if labels is not None else [[1.0] * len(row) for row in rows]
    return Truth(Ragged.of(rows), Ragged.of(given, dtype=np.float32))


def asking(count: int) -> Queries:
    """Queries whose user number says which row of a toy's table they ask for."""
    return Queries.of([[] for _ in range(count)], users=np.arange(count))


class Table:
    """Answers with rows of a table of scores, catalogue order."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores.astype(np.float32)

    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        assert k is None
        scores = self.scores[queries.users]
        return ItemLists(np.broadcast_to(np.arange(scores.shape[1]), scores.shape), scores)


class Rater:
    """Answers with numbers, aligned with the candidates."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __call__(self, queries: Queries, k: int | None) -> Numbers:
        assert queries.candidates is not None
        return Numbers(self.values[queries.users][:, : int(queries.candidates.lengths.max())])


def random_case(
    seed: int, queries: int = 50, items: int = 60, most: int = 6, ties: bool = False
) -> tuple[np.ndarray, Truth]:
    """Scores (Q, V) and up to `most` true items for each query."""
    rng = np.random.default_rng(seed)
    scores = (
        rng.integers(0, 8, (queries, items)).astype(np.float64)
        if ties
        else rng.permuted(np.tile(np.arange(items, dtype=np.float64), (queries, 1)), axis=1)
    )
    rows = [rng.choice(items, rng.integers(1, most + 1), replace=False).tolist() for _ in range(queries)]
    return scores, truth_of(rows)


def values(stats: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: float(rows[:, 0].mean()) for name, rows in stats.items()}
