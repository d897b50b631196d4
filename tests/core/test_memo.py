"""What is remembered is what was made: by content, once, whatever happened to the files."""

from pathlib import Path

import numpy as np
import pytest

from p5rec.core import memo


def made(log: list[int], keys: list[bytes], place: Path, maker: str = "m") -> np.ndarray:
    def make(which: list[int]) -> np.ndarray:
        log.extend(which)
        return np.array([[float(keys[n][0]), float(keys[n][1])] for n in which], dtype=np.float32)

    return memo.remembered(maker, keys, make, place)


def test_each_content_is_made_once(tmp_path: Path) -> None:
    log: list[int] = []
    keys = [memo.digest(text) for text in ("a", "b", "a", "c")]
    first = made(log, keys, tmp_path)
    assert log == [0, 1, 3]
    again = made(log, [keys[3], keys[0], memo.digest("d")], tmp_path)
    assert log == [0, 1, 3, 2]
    assert np.array_equal(again[:2], first[[3, 0]])
    assert first.shape == (4, 2)
    assert np.array_equal(first[0], first[2])


def test_makers_do_not_share(tmp_path: Path) -> None:
    log: list[int] = []
    keys = [memo.digest("a")]
    made(log, keys, tmp_path)
    made(log, keys, tmp_path, maker="other")
    assert log == [0, 0]


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    log: list[int] = []
    keys = [memo.digest("a"), memo.digest("b")]
    first = made(log, keys, tmp_path)
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:60])
    assert np.array_equal(made(log, keys, tmp_path), first)
    assert log == [0, 1, 0, 1]
    assert np.array_equal(made(log, keys, tmp_path), first)
    assert len(log) == 4


def test_nothing_asked_is_nothing_made(tmp_path: Path) -> None:
    log: list[int] = []
    assert len(made(log, [], tmp_path)) == 0
    assert not log


def test_a_maker_is_its_files_and_settings(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    names = {memo.digest_files([path]), memo.digest_files([path], "mean"), memo.digest_files([path], "first")}
    path.write_bytes(b"two")
    assert len(names | {memo.digest_files([path])}) == 4


def test_the_folder_can_be_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memo.CACHE, str(tmp_path))
    assert memo.folder() == tmp_path
    monkeypatch.delenv(memo.CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert memo.folder() == tmp_path / "x" / "p5rec"
