"""A toy responder and its world; run as a program it serves them until it is killed: FOLDER PORT."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from p5rec.contracts import ItemLists, Queries, Responder
from p5rec.data.answers import top
from p5rec.data.dataset import Dataset
from p5rec.serving.run import serve
from p5rec.serving.service import Service
from p5rec.serving.stores.sqlite import Sqlite
from p5rec.testing.worlds import from_sequences

ITEMS = [f"i{n}" for n in range(20)]


class Near(Responder):
    """Depends on the whole history and its order, the user, candidates and excluded items."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.calls: list[Queries] = []

    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        self.calls.append(queries)
        count = self.dataset.n_items
        scores = np.zeros((len(queries), count), dtype=np.float32)
        for row in range(len(queries)):
            scores[row] = -np.arange(count) / 100 + 0.001 * queries.users[row]
            for place, item in enumerate(queries.history[row]):
                scores[row, item] += place + 1
            if queries.candidates is not None:
                scores[row, np.setdiff1d(np.arange(count), queries.candidates[row])] = -np.inf
            if queries.excluded is not None:
                scores[row, queries.excluded[row]] = -np.inf
        return top(np.arange(count), scores, count if k is None else k)

    def similar(self, items: np.ndarray, k: int) -> ItemLists:
        scores = -np.abs(np.arange(self.dataset.n_items)[None, :] - items[:, None]).astype(np.float32)
        scores[np.arange(len(items)), items] = -np.inf
        return top(np.arange(self.dataset.n_items), scores, k)

    def because(self, queries: Queries, lists: ItemLists) -> np.ndarray:
        last = [row[-1] if len(row) else -1 for row in queries.history]
        return np.repeat(np.array(last)[:, None], lists.items.shape[1], axis=1)


def world() -> Dataset:
    return from_sequences({f"u{n}": [ITEMS[(n + step) % 20] for step in range(5)] for n in range(10)}, items=ITEMS)


if __name__ == "__main__":
    data = world()
    serve(Service(data, Near(data), Sqlite(Sqlite.Config(), Path(sys.argv[1])), version="v1"), port=int(sys.argv[2]))
