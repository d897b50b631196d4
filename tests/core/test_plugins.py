import sys
from pathlib import Path

import pytest

from p5rec.contracts import Metric
from p5rec.core.errors import InputError
from p5rec.core.plugins import Folder

PLUG = """
import numpy as np
from p5rec.contracts import Metric


class Mine(Metric):
    \"\"\"Always the same.\"\"\"

    def measure(self, answers, truth):
        return np.full((len(truth), 1), {value})


class _Inside(Mine):
    pass
"""


def folder(own: Path) -> Folder:
    return Folder("metric", "p5rec.evaluation.metrics", Metric, [own])


def test_a_file_dropped_into_a_folder_is_a_plug(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUG.format(value=0.5))
    (tmp_path / "_hidden.py").write_text("raise RuntimeError('never imported')")
    plugs = folder(tmp_path)
    assert "mine" in plugs.names()
    assert "_hidden" not in plugs.names()
    assert plugs.load("mine").__name__ == "Mine"
    assert plugs.load("mine") is plugs.load("mine")
    assert plugs.origin("mine") == tmp_path / "mine.py"


def test_two_folders_may_use_one_name(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(PLUG.format(value=value))
    first, second = (folder(tmp_path / name).load("mine") for name in ("a", "b"))
    assert first is not second


def test_the_users_file_goes_before_the_projects(tmp_path: Path) -> None:
    package = tmp_path / "p5rec_test_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "mine.py").write_text(PLUG.format(value=1))
    (tmp_path / "mine.py").write_text(PLUG.format(value=2))
    sys.path.insert(0, str(tmp_path))
    try:
        plain = Folder("metric", "p5rec_test_package", Metric)
        assert plain.names() == ["mine"]
        assert plain.origin("mine") is None
        assert Folder("metric", "p5rec_test_package", Metric, [tmp_path]).load("mine") is not plain.load("mine")
    finally:
        sys.path.remove(str(tmp_path))


def test_an_unknown_name_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUG.format(value=1))
    with pytest.raises(InputError, match="there is no metric called 'mien'; did you mean 'mine'"):
        folder(tmp_path).load("mien")


@pytest.mark.parametrize(
    ("text", "found"),
    [("x = 1\n", "found 0: none"), (PLUG.format(value=1) + "\n\nclass More(Mine):\n    pass\n", "found 2: Mine, More")],
)
def test_a_file_without_exactly_one_plug_is_told(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / "odd.py").write_text(text)
    with pytest.raises(InputError, match=rf"odd\.py: a metric file holds exactly one public Metric, {found}"):
        folder(tmp_path).load("odd")


def test_a_broken_file_raises_its_own_error_every_time(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise ZeroDivisionError('mine')")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="mine"):
            folder(tmp_path).load("broken")
