"""One thread a test process: the suite runs one process a core."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "2")

import pytest

from p5rec.core import progress


@pytest.fixture(autouse=True)
def _said_nothing_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told once a process is told once a test."""
    monkeypatch.setattr(progress, "_SAID", set())
