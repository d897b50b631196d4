"""The folder of a run, served by the real command in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.prove
MAIN = "import sys; from p5rec.cli import main; sys.argv[0] = 'p5rec'; main()"


@contextmanager
def serving(folder: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen]]:
    """`p5rec serve` on a free port, ready to answer."""
    command = [sys.executable, "-c", MAIN, "serve", str(folder), "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        line = server.stderr.readline()
        while " at http" not in line:
            assert line, "the server ended before it listened"
            line = server.stderr.readline()
        place = line.split(" at ")[1].split(" ")[0].strip()
        with httpx.Client(base_url=place, timeout=30) as client:
            until = time.monotonic() + 60
            while client.get("/health/ready").status_code != 200:
                assert time.monotonic() < until, "the server was not ready within a minute"
                time.sleep(0.1)
            yield client, server
    finally:
        server.kill()
        server.wait()


def typed(*words: object) -> dict:
    """What a command prints with --json."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, words), "--json"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_the_folder_of_a_run_serves_as_it_is_and_says_what_the_command_line_says(folder: Path):
    with serving(folder) as (client, _):
        web = client.post("/recommendations", json={"user_id": "u5", "k": 4}).json()
        like = client.get("/items/i3/similar", params={"k": 3}).json()
    shell = typed("recommend", folder, "--user", "u5", "-k", 4)
    assert [one["item_id"] for one in web["items"]] == [one["item_id"] for one in shell["items"]]
    assert [one["score"] for one in web["items"]] == pytest.approx([one["score"] for one in shell["items"]], abs=1e-4)
    assert web["version"] == shell["version"]
    assert [one["item_id"] for one in like["items"]] == [
        one["item_id"] for one in typed("similar", folder, "--item", "i3", "-k", 3)["items"]
    ]


def test_an_event_counts_at_once_and_after_kill_9(folder: Path):
    with serving(folder) as (client, server):
        before = client.get("/users/u5/recommendations", params={"k": 1}).json()
        event = {"event_id": "one", "user_id": "u5", "item_id": before["items"][0]["item_id"]}
        assert client.post("/events", json=event).json() == {"accepted": 1, "duplicates": 0}
        os.kill(server.pid, signal.SIGKILL)
    with serving(folder) as (client, _):
        after = client.get("/users/u5/recommendations", params={"k": 5}).json()
        assert after["events_seen"] == before["events_seen"] + 1
        assert event["item_id"] not in [one["item_id"] for one in after["items"]]
        assert client.post("/events", json=event).json() == {"accepted": 0, "duplicates": 1}
    assert typed("recommend", folder, "--user", "u5")["events_seen"] == after["events_seen"]


def test_a_new_item_is_recommendable_at_once_and_after_a_restart(folder: Path):
    with serving(folder) as (client, _):
        added = client.post("/items", json={"item_id": "brand/new", "title": "tea number 99", "category": "tea"})
        assert added.status_code == 200, added.text
        asked = {"history": ["i0", "i3"], "k": 3, "candidates": ["brand/new", "i6", "i9"]}
        assert "brand/new" in [one["item_id"] for one in client.post("/recommendations", json=asked).json()["items"]]
    with serving(folder) as (client, _):
        assert "brand/new" in [one["item_id"] for one in client.post("/recommendations", json=asked).json()["items"]]
