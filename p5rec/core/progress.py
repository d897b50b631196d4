"""Progress bars on long work, memory and time of a block; quiet where nobody watches."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import psutil
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

T = TypeVar("T")
console = Console(stderr=True, highlight=False, emoji=False)
_SAID: set[str] = set()


def track(work: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar on a terminal; without one, just iterate."""
    if not sys.stderr.isatty():
        yield from work
        return
    with Progress(console=console, transient=True) as bar:
        yield from bar.track(work, total=total, description=escape(title))


@contextmanager
def working(title: str) -> Iterator[None]:
    """Show on a terminal what a step of unknown length is doing; without one, show nothing."""
    if not sys.stderr.isatty():
        yield
        return
    with console.status(title):
        yield


def say(sentence: str) -> None:
    """One line to the person at the terminal (stderr, so that --json stays clean)."""
    console.print(sentence, markup=False, soft_wrap=True)


def say_once(sentence: str) -> None:
    """`say`, unless this process has said just that before."""
    if sentence not in _SAID:
        _SAID.add(sentence)
        say(sentence)


@dataclass
class Cost:
    """What a block took: wall seconds, and the peak of the process's resident memory in MB."""

    seconds: float = 0.0
    peak_mb: float = 0.0


@contextmanager
def measured(interval: float = 0.05) -> Iterator[Cost]:
    """Measure wall time and peak resident memory (sampled every `interval` seconds) of a block."""
    cost, done, process = Cost(), threading.Event(), psutil.Process()

    def watch() -> None:
        ended = False
        while not ended:
            ended = done.wait(interval)
            cost.peak_mb = max(cost.peak_mb, process.memory_info().rss / 2**20)  # once more when the block has ended

    watcher = threading.Thread(target=watch, daemon=True)
    start = time.perf_counter()
    watcher.start()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        done.set()
        watcher.join()
