"""A small world behind a service, and a real server for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from serving_toys import Near, world

from p5rec.core.config import Config
from p5rec.data.dataset import Dataset
from p5rec.serving.http import app
from p5rec.serving.run import LONGEST_LINE, listen
from p5rec.serving.service import Service
from p5rec.serving.stores.memory import Memory


@pytest.fixture
def dataset() -> Dataset:
    return world()


@pytest.fixture
def service(dataset: Dataset) -> Iterator[Service]:
    made = Service(dataset, Near(dataset), Memory(Config()), version="v1")
    yield made
    made.close()


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
        yield client
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def client(dataset: Dataset) -> Iterator[httpx.Client]:
    with served(Service(dataset, Near(dataset), Memory(Config()), version="v1")) as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[httpx.Client]:
    """One server for all tests of a file that do not mind each other's events."""
    dataset = world()
    with served(Service(dataset, Near(dataset), Memory(Config()), version="v1")) as made:
        yield made
