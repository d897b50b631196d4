"""A small world behind a service, and a real server for it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvicorn
from serving_toys import Near, world

from p5rec.core.config import Config
from p5rec.data.dataset import Dataset
from p5rec.serving.http import app
from p5rec.serving.service import Service
from p5rec.serving.stores.memory import Memory

Start = Callable[[Service], httpx.Client]


@pytest.fixture
def dataset() -> Dataset:
    return world()


@pytest.fixture
def service(dataset: Dataset) -> Iterator[Service]:
    made = Service(dataset, Near(dataset), Memory(Config()), version="v1")
    yield made
    made.close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def running() -> Iterator[Start]:
    """Start a real server for a service and give a client of it."""
    started: list[tuple[uvicorn.Server, threading.Thread, httpx.Client]] = []

    def start(service: Service) -> httpx.Client:
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app(service), log_level="critical", h11_max_incomplete_event_size=2**18))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        client = httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=20)
        while not (server.started and service.ready()):
            time.sleep(0.005)
        started.append((server, thread, client))
        return client

    yield start
    for server, thread, client in started:
        client.close()
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def client(service: Service, running: Start) -> httpx.Client:
    return running(service)
