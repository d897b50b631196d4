"""A small world behind a service, and a real server for it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from serving_toys import Near, served, world

from p5rec.core.config import Config
from p5rec.data.dataset import Dataset
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
