from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from p5rec.serving.batcher import Batcher, Busy


class Gate:
    """Work that waits until it is let through, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, jobs: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(jobs))
        self.begun.set()
        assert self.open.wait(10)
        return [ValueError(f"no {job}") if job < 0 else job * 2 for job in jobs]


def test_jobs_that_arrive_during_work_share_the_next_call() -> None:
    gate = Gate()
    batcher = Batcher(gate, limit=3, waiting=10, name="test")
    futures = [batcher.submit(0)]
    gate.begun.wait(10)
    futures += [batcher.submit(n) for n in (1, -2, 3, 4)]
    gate.open.set()
    assert [f.result(10) for f in futures if f is not futures[2]] == [0, 2, 6, 8]
    with pytest.raises(ValueError, match="no -2"):
        futures[2].result(10)
    assert gate.batches == [[0], [1, -2, 3], [4]]
    batcher.close()


def test_a_cancelled_job_is_not_worked_on() -> None:
    gate = Gate()
    batcher = Batcher(gate, limit=3, waiting=10, name="test")
    first = batcher.submit(0)
    gate.begun.wait(10)
    second, third = batcher.submit(1), batcher.submit(2)
    assert second.cancel()
    gate.open.set()
    assert (first.result(10), third.result(10)) == (0, 4)
    assert gate.batches == [[0], [2]]
    batcher.close()


def test_a_full_queue_and_a_closed_one_are_sentences() -> None:
    gate = Gate()
    batcher = Batcher(gate, limit=1, waiting=2, name="test")
    futures = [batcher.submit(0)]
    gate.begun.wait(10)
    futures += [batcher.submit(1), batcher.submit(2)]
    with pytest.raises(Busy, match="2 requests are waiting already; send this one again later"):
        batcher.submit(3)
    gate.open.set()
    assert [f.result(10) for f in futures] == [0, 2, 4]
    batcher.close()
    assert not batcher.alive
    with pytest.raises(Busy, match="the service is stopping"):
        batcher.submit(4)


def test_closing_finishes_what_is_queued() -> None:
    gate = Gate()
    batcher = Batcher(gate, limit=1, waiting=10, name="test")
    futures = [batcher.submit(n) for n in range(5)]
    gate.open.set()
    batcher.close()
    assert [f.result(0) for f in futures] == [0, 2, 4, 6, 8]


def test_the_thread_outlives_work_that_raises() -> None:
    def work(jobs: Sequence[int]) -> list[int | Exception]:
        if jobs[0] == 0:
            raise KeyError("broken")
        return [1]

    batcher = Batcher(work, limit=1, waiting=10, name="test")
    with pytest.raises(KeyError):
        batcher.submit(0).result(10)
    assert batcher.submit(1).result(10) == 1
    batcher.close()
