"""A toy responder and its world; run as a program it serves them until it is killed: FOLDER PORT."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn

from p5rec.contracts import Event, ItemLists, Queries, Responder, Store
from p5rec.core.config import Config
from p5rec.data.answers import top
from p5rec.data.dataset import Dataset
from p5rec.data.features import Kind
from p5rec.data.schema import ColumnSchema
from p5rec.serving.http import app
from p5rec.serving.questions import UNTOLD
from p5rec.serving.run import LONGEST_LINE, listen, serve
from p5rec.serving.service import Service
from p5rec.serving.stores.memory import Memory
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
    made = from_sequences({f"u{n}": [ITEMS[(n + step) % 20] for step in range(5)] for n in range(10)}, items=ITEMS)
    columns = {"item_id": ColumnSchema(kind=Kind.ID), "title": ColumnSchema(kind=Kind.TEXT)}
    return replace(made, schema=made.schema.model_copy(update={"items": columns}))


NOW = 1_700_000_000.0


def event(user: str, item: str, time: float = UNTOLD, event_id: str = "", **others: Any) -> Event:
    return Event(event_id, user, item, time, **others)


def made(dataset: Dataset, store: Store | None = None, **others: Any) -> Service:
    """A service of the toy whose clock stands still."""
    settings = {"version": "v1", "clock": lambda: NOW} | others
    return Service(dataset, Near(dataset), store or Memory(Config()), **settings)


def asked(service: Service) -> Queries:
    """The queries of the latest call of the responder."""
    responder = service._engine.responder
    assert isinstance(responder, Near)
    return responder.calls[-1]


@contextmanager
def served(service: Service) -> Iterator[httpx.Client]:
    """A real server for a service and a client of it; stopped at the end."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(app(service), log_level="critical", h11_max_incomplete_event_size=LONGEST_LINE)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not (server.started and service.ready()):
        time.sleep(0.005)
    with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=20) as client:
        try:
            yield client
        finally:
            server.should_exit = True
            thread.join(10)


if __name__ == "__main__":
    data = world()
    serve(Service(data, Near(data), Sqlite(Sqlite.Config(), Path(sys.argv[1])), version="v1"), port=int(sys.argv[2]))
