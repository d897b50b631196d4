"""The server as a process: its port, its end, and what survives when it is killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from p5rec.core.errors import P5Error
from p5rec.serving.run import leave_a_core, listen

PROGRAM = Path(__file__).with_name("serving_toys.py")


@contextmanager
def process(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """The toy server on a free port, and a client once it is ready."""
    said = folder.with_suffix(".stderr")
    with said.open("w") as stderr:
        server = subprocess.Popen([sys.executable, "-X", "importtime", PROGRAM, str(folder), "0"], stderr=stderr)
    try:
        while not (found := re.search(r"serving v1 at (http://[\d.]+:\d+) ", said.read_text())):
            assert server.poll() is None, said.read_text()
            time.sleep(0.02)
        with httpx.Client(base_url=found[1], timeout=20) as client:
            while client.get("/health/ready").status_code != 200:
                time.sleep(0.02)
            yield server, client
    finally:
        server.kill()
        server.wait()


def test_a_taken_port_is_a_sentence() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        told = f"cannot listen on 127.0.0.1:{port}: another program listens there; choose another with --port"
        with pytest.raises(P5Error, match=re.escape(told)) as found:
            listen("127.0.0.1", port)
        assert found.value.exit_code == 1


def test_a_host_of_another_machine_is_a_sentence() -> None:
    with pytest.raises(P5Error, match="that address is not one of this machine; choose another with --host"):
        listen("203.0.113.1", 0)


def test_answers_are_not_held_back_by_nagle() -> None:
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY on its connections only then


def test_one_core_is_left_for_the_web(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr("torch.set_num_threads", chosen.append)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    leave_a_core()
    monkeypatch.delenv("OMP_NUM_THREADS")
    leave_a_core()
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {5}, raising=False)
    leave_a_core()
    assert chosen == [3, 1]


@pytest.mark.prove
def test_a_running_server_has_no_training_library_and_stops_well(tmp_path: Path) -> None:
    with process(tmp_path / "live") as (server, client):
        client.post("/events", json={"user_id": "u0", "item_id": "i9"}).raise_for_status()
        client.get("/users/u0/recommendations").raise_for_status()
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) in (0, -signal.SIGTERM)
    imported = set(re.findall(r"\| +([\w.]+)$", (tmp_path / "live.stderr").read_text(), re.MULTILINE))
    assert {"torch", "fastapi", "p5rec.collate"} & imported == {"torch", "fastapi", "p5rec.collate"}
    assert not {"lightning", "pytorch_lightning", "matplotlib", "sklearn", "tensorboard"} & imported
    with process(tmp_path / "live") as (_, client):
        assert client.get("/users/u0/recommendations").json()["events_seen"] == 6


@pytest.mark.prove
def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    """Eight clients post as fast as they can; the server is killed in the middle, three times."""
    answered: dict[str, list[str]] = {f"c{n}": [] for n in range(8)}

    def post(client: httpx.Client, user: str, life: int) -> None:
        for number in range(10_000):
            event_id = f"{user}-{life}-{number}"
            try:
                answer = client.post("/events", json={"event_id": event_id, "user_id": user, "item_id": "i7"})
            except httpx.HTTPError:
                return
            if answer.status_code == 200:
                answered[user].append(event_id)

    for life in range(3):
        with process(tmp_path / "live") as (server, client):
            for user, events in answered.items():
                seen = client.post("/recommendations", json={"user_id": user}).json()["events_seen"]
                assert len(events) <= seen <= len(events) + life  # at most one post a life was cut off unanswered
            threads = [threading.Thread(target=post, args=(client, user, life)) for user in answered]
            for thread in threads:
                thread.start()
            time.sleep(0.7)
            os.kill(server.pid, signal.SIGKILL)
            for thread in threads:
                thread.join()
        assert all(len(events) > life for events in answered.values())
    with process(tmp_path / "live") as (_, client):
        again = [{"event_id": one, "user_id": user, "item_id": "i7"} for user, row in answered.items() for one in row]
        assert client.post("/events", json=again).json() == {"accepted": 0, "duplicates": len(again)}
