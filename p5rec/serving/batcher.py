"""Requests that arrive together are worked on together; alone, a request waits for nobody."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from p5rec.core.errors import P5Error

J = TypeVar("J")
R = TypeVar("R")


class Busy(P5Error):
    """More requests are waiting than the service will queue; ask again later."""


class Batcher(Generic[J, R]):
    """One thread that takes all waiting jobs at once and gives them to one call of `work`.

    While a batch is worked on the next one gathers, so batches grow with the load and nothing is added to the
    latency of an idle service.

    Args:
        work: a batch of jobs → a result for each; an exception in place of a result fails that job only, a raised
            one fails the batch.
        limit: most jobs of a batch.
        waiting: most jobs in the queue; `submit` raises `Busy` above.
        name: of the thread.
    """

    def __init__(self, work: Callable[[Sequence[J]], Sequence[R | Exception]], limit: int, waiting: int, name: str):
        self._work = work
        self._limit = limit
        self._queue: queue.Queue[tuple[J, Future[R]] | None] = queue.Queue(waiting)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: J) -> Future[R]:
        """Queue a job.

        Raises:
            Busy: the queue is full, or the service is stopping.
        """
        future: Future[R] = Future()
        if self._closed:
            raise Busy("the service is stopping; send the request to another one")
        try:
            self._queue.put_nowait((job, future))
        except queue.Full:
            raise Busy(f"{self._queue.maxsize} requests are waiting already; send this one again later") from None
        return future

    @property
    def alive(self) -> bool:
        """Whether the thread takes jobs."""
        return not self._closed and self._thread.is_alive()

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._gather(first)
            self._finish([entry for entry in batch if entry[1].set_running_or_notify_cancel()])
            if last:
                return

    def _gather(self, first: tuple[J, Future[R]]) -> tuple[list[tuple[J, Future[R]]], bool]:
        """All that waits, and whether the end was among it."""
        batch = [first]
        while len(batch) < self._limit:
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                break
            if entry is None:
                return batch, True
            batch.append(entry)
        return batch, False

    def _finish(self, batch: list[tuple[J, Future[R]]]) -> None:
        if not batch:
            return
        try:
            results: Sequence[Any] = self._work([job for job, _ in batch])
        except Exception as error:  # the waiting requests must hear of it, and the thread must live on
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
