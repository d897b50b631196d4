"""How long an answer of the service takes, beside a bare call of the responder in the same run.

    python benchmarks/serve_latency.py --out benchmarks/results/serve_latency.md [--data sequences.txt]

The server runs in a process of its own with a store on disk; the clients, in this process, keep their connections and
send the next request when the last is answered. Without ``--data`` the histories are random, in the size of Amazon
Beauty (22,363 users, 12,101 items, 9 events each). Networks answer with random weights, for latency does not depend on
them. With ``--out`` a row is added as soon as it is known; each call adds a table of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
import recorded

from p5rec.contracts import Dataset, Responder
from p5rec.responders.scorer import Scorer
from p5rec.responders.unseen import Unseen
from p5rec.serving.run import leave_a_core, serve
from p5rec.serving.service import Service
from p5rec.serving.stores.sqlite import Sqlite
from p5rec.testing import making
from p5rec.testing.sequences import from_sequences

MODELS = ("itemknn", "sasrec")
USERS, ITEMS, EVENTS = 22_363, 12_101, 9
CLIENTS = (1, 8, 32)
WARM = 20  # calls that are not counted
SETTINGS = {"itemknn": {"tune": False}}  # fitting is not measured here


def data(path: Path | None) -> Dataset:
    if path is not None:
        return recorded.read(path)
    drawn = np.random.default_rng(0).integers(0, ITEMS, (USERS, EVENTS))
    return from_sequences({f"u{n}": [f"i{item}" for item in row] for n, row in enumerate(drawn)})


def responder(name: str, dataset: Dataset) -> Responder:
    plug = making.FOLDERS["model"].load(name)
    model = making.fitted(plug, dataset, making.setting(dataset), plug.Config(**SETTINGS.get(name, {})))
    return Unseen(Unseen.Config(), {"scorer": Scorer(Scorer.Config(), {name: model}, dataset)}, dataset)


def bare(name: str, path: Path | None, calls: int) -> list[tuple[int, list[float]]]:
    """Milliseconds of each call of the responder, on one user and on 32."""
    leave_a_core()
    dataset = data(path)
    rank = responder(name, dataset)
    found = []
    for batch in (1, 32):
        users = np.random.default_rng(1).integers(0, dataset.n_users, (calls // batch + WARM, batch))
        taken = []
        for row in users:
            begin = time.perf_counter()
            rank(dataset.latest(row), 10)
            taken.append((time.perf_counter() - begin) * 1e3)
        found.append((batch, taken[WARM:]))
    return found


def server(name: str, path: Path | None, folder: str, port: int) -> None:
    dataset = data(path)
    store = Sqlite(Sqlite.Config(), Path(folder))
    serve(Service(dataset, responder(name, dataset), store, version="bench"), port=port)


async def client(port: int, requests: list[bytes], taken: list[float]) -> None:
    """One connection, one request after the other; as little work as can be, since it shares the processors."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        begin = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        taken.append((time.perf_counter() - begin) * 1e3)
    writer.close()


def load(port: int, clients: int, total: int, request: Callable[[int], bytes]) -> tuple[list[float], float]:
    """Milliseconds of each request, and requests a second of all clients together."""
    taken: list[float] = []
    shares = [[request(n) for n in range(c, total, clients)] for c in range(clients)]

    async def all_clients() -> None:
        await asyncio.gather(*(client(port, share, taken) for share in shares))

    begin = time.perf_counter()
    asyncio.run(all_clients())
    return taken, total / (time.perf_counter() - begin)


def ask(user: str) -> bytes:
    return f"GET /users/{user}/recommendations?k=10 HTTP/1.1\r\nhost: bench\r\n\r\n".encode()


def post(number: int, user: str, item: str) -> bytes:
    body = f'{{"event_id": "{number}", "user_id": "{user}", "item_id": "{item}"}}'
    head = f"POST /events HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


def line(what: str, taken: list[float], rate: float) -> str:
    p50, p95, p99 = np.percentile(taken, [50, 95, 99])
    return f"| {what} | {p50:.2f} | {p95:.2f} | {p99:.2f} | {rate:,.0f} |"


def rows_of(name: str, path: Path | None, total: int) -> Iterator[str]:
    """The rows of one model; each side in a process of its own."""
    processes = get_context("spawn")
    with processes.Pool(1) as pool:
        for batch, taken in pool.apply(bare, (name, path, total)):
            yield line(f"{name}: bare call, {batch} at once", taken, 1e3 * batch / float(np.mean(taken)))
    dataset = data(path)
    users = dataset.users.keys(np.random.default_rng(2).integers(0, dataset.n_users, total))
    item = dataset.items.key(0)
    with TemporaryDirectory() as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = processes.Process(target=server, args=(name, path, folder, port), daemon=True)
        process.start()
        wait_for(port)
        load(port, 8, 20 * WARM, lambda n: ask(users[n % total]))
        for clients in CLIENTS:
            asked = load(port, clients, total, lambda n: ask(users[n]))
            yield line(f"{name}: recommendations, {clients} clients", *asked)
        for clients in CLIENTS:
            posted = load(port, clients, total, lambda n, c=clients: post(n + c * total, f"x{n}", item))
            yield line(f"{name}: events, each on disk, {clients} clients", *posted)
        process.terminate()
        process.join()


def wait_for(port: int) -> None:
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, help="sequence file; random histories without it")
    arguments.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    arguments.add_argument("--requests", type=int, default=2000)
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    start = "# Latency of the service\n"
    recorded.add(heading(given), given.out, start)
    for name in given.models:
        for row in rows_of(name, given.data, given.requests):
            recorded.add([row], given.out, start)


def heading(given: argparse.Namespace) -> list[str]:
    told = "a sequence file" if given.data else "random histories in the size of Beauty"
    words = _without_path(sys.argv[1:]) if given.data else sys.argv[1:]
    return [
        "",
        f"## With {told}",
        "",
        f"    python benchmarks/serve_latency.py {' '.join(words)}",
        "",
        f"{datetime.date.today()}, commit {recorded.commit()}, {os.cpu_count()} cores ({platform.machine()}), k = 10, "
        f"{given.requests} requests a row; server and clients share the cores, other work may too (load of the last "
        f"minute {os.getloadavg()[0]:.1f}).",
        "",
        "| what | p50 ms | p95 ms | p99 ms | a second |",
        "|---|---|---|---|---|",
    ]


def _without_path(words: list[str]) -> list[str]:
    """Where the file lies on this machine is nobody's business."""
    place = words.index("--data") + 1
    return [*words[:place], "SEQUENCES", *words[place + 1 :]]


if __name__ == "__main__":
    main()
