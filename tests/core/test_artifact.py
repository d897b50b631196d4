import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from p5rec.core import artifact
from p5rec.core.errors import InputError


def make(folder: Path, text: str = "one") -> None:
    with artifact.writing(folder, "dataset") as place:
        (place / "data.txt").write_text(text)
        artifact.mark(place, "dataset", {"rows": 3})


def test_a_finished_artifact_is_read(tmp_path: Path) -> None:
    make(tmp_path / "run")
    facts = artifact.read_marker(tmp_path / "run", "dataset")
    assert facts["rows"] == 3
    assert facts["format"] == artifact.FORMAT
    assert facts["versions"]["torch"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_new_one_takes_the_place_of_the_old(tmp_path: Path) -> None:
    make(tmp_path / "run", "one")
    (tmp_path / "run" / "stale.txt").write_text("from the old one")
    make(tmp_path / "run", "two")
    assert (tmp_path / "run" / "data.txt").read_text() == "two"
    assert not (tmp_path / "run" / "stale.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_block_that_raises_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    make(tmp_path / "run", "one")

    def fails() -> None:
        with artifact.writing(tmp_path / "run", "dataset") as place:
            (place / "data.txt").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert (tmp_path / "run" / "data.txt").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


KILLED = """
import os, signal, sys
from pathlib import Path
from p5rec.core import artifact
with artifact.writing(Path(sys.argv[1]), "dataset") as place:
    (place / "data.txt").write_text("half")
    if sys.argv[2] == "after marker":
        artifact.mark(place, "dataset", {})
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("when", ["before marker", "after marker"])
@pytest.mark.parametrize("old", [True, False])
def test_a_killed_run_is_never_mistaken_for_a_finished_one(tmp_path: Path, when: str, old: bool) -> None:
    if old:
        make(tmp_path / "run", "one")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run"), when], check=False)
    assert done.returncode == -signal.SIGKILL
    if old:
        assert (tmp_path / "run" / "data.txt").read_text() == "one"
        assert artifact.read_marker(tmp_path / "run", "dataset")["rows"] == 3
    else:
        with pytest.raises(InputError, match="there is no such folder"):
            artifact.read_marker(tmp_path / "run", "dataset")
    make(tmp_path / "run", "two")  # and the next run is not in its way
    assert (tmp_path / "run" / "data.txt").read_text() == "two"


def test_each_fault_of_a_folder_has_its_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder; expected a model made by p5rec"):
        artifact.read_marker(tmp_path / "none", "model")
    with pytest.raises(InputError, match="this model was never finished"):
        artifact.read_marker(tmp_path, "model")
    (tmp_path / artifact.MARKER).write_text("{")
    with pytest.raises(InputError, match="this marker is damaged"):
        artifact.read_marker(tmp_path, "model")
    artifact.mark(tmp_path, "dataset", {})
    with pytest.raises(InputError, match="found a dataset, expected a model"):
        artifact.read_marker(tmp_path, "model")
    artifact.mark(tmp_path, "model", {"format": 99})
    with pytest.raises(InputError, match="has format 99, this p5rec reads up to 1; upgrade p5rec"):
        artifact.read_marker(tmp_path, "model")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    artifact.write_json(tmp_path / "a.json", {"ü": [1.5, None]})
    artifact.write_json(tmp_path / "a.json", {"ü": 2})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"ü": 2}
    assert os.listdir(tmp_path) == ["a.json"]


def test_json_has_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        artifact.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_what_p5rec_did_not_make_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "keep.txt").write_text("dear")
    with pytest.raises(InputError, match="something that p5rec did not make, and writing a dataset would remove it"):
        make(tmp_path / "precious")
    assert (tmp_path / "precious" / "keep.txt").read_text() == "dear"
    make(tmp_path / "data")
    with (
        pytest.raises(InputError, match="holds a dataset, and writing a model would remove it"),
        artifact.writing(tmp_path / "data", "model"),
    ):
        pass
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="this is a file; expected a folder to write a dataset to"):
        make(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty")
