"""A small world behind a service: scores fall with the distance from the last item of the history."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn

from p5rec.contracts import ItemLists, Queries, Responder
from p5rec.core.config import Config
from p5rec.data.answers import top
from p5rec.data.dataset import Dataset
from p5rec.serving.http import app
from p5rec.serving.service import Service
from p5rec.serving.stores.memory import Memory
from p5rec.testing.worlds import from_sequences

ITEMS = [f"i{n}" for n in range(20)]


class Near(Responder):
    """A toy whose answer depends on the whole history, the user, candidates and excluded items."""

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


@pytest.fixture
def dataset() -> Dataset:
    return from_sequences({f"u{n}": [ITEMS[(n + step) % 20] for step in range(5)] for n in range(10)})


@pytest.fixture
def service(dataset: Dataset) -> Iterator[Service]:
    made = Service(dataset, Near(dataset), Memory(Config()), version="v1")
    yield made
    made.close()


@pytest.fixture
def running() -> Iterator[Callable[[Service], httpx.Client]]:
    """Start a real server for a service and give a client of it."""
    servers: list[tuple[uvicorn.Server, threading.Thread, httpx.Client]] = []

    def start(service: Service) -> httpx.Client:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = uvicorn.Config(app(service), port=port, log_level="error", h11_max_incomplete_event_size=2**18)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)
        while not (server.started and service.ready()):
            time.sleep(0.005)
        servers.append((server, thread, client))
        return client

    yield start
    for server, thread, client in servers:
        client.close()
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def client(service: Service, running: Callable[[Service], httpx.Client]) -> httpx.Client:
    return running(service)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"
