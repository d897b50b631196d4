"""Messages of several rooms that no other test prints."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from p5rec.commands import evaluate as stage
from p5rec.commands import page as pages
from p5rec.commands.folders import choose, use_own
from p5rec.contracts import ItemLists, Numbers
from p5rec.core.errors import InputError, MissingExtra
from p5rec.evaluation.evaluate import evaluate
from p5rec.testing.checks.metrics import Told
from p5rec.testing.making import FOLDERS
from p5rec.testing.sample import sample
from p5rec.training import loggers


def metric(name: str) -> object:
    plug = FOLDERS["metric"].load(name)
    return plug(plug.Config(), sample())


def test_rankings_and_numbers_are_not_mixed() -> None:
    page = pages.resolve(
        {"data": {"source": {"name": "sequences", "path": "x"}}, "evaluate": {"metrics": ["mrr", "rmse"]}}
    )
    with pytest.raises(InputError, match="metrics of rankings and of numbers are mixed; take one kind a page"):
        stage.metrics_of(page, sample())


def test_a_folder_of_plugs_names_its_kinds(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no folder of plugs; expected one of source, filter, split"):
        use_own(tmp_path)


def test_a_table_without_a_name() -> None:
    with pytest.raises(InputError, match=r"data.split: a table for a split needs a name, e.g. name = 'cold_items'"):
        choose("split", {"least": 3}, "data.split")


WITHOUT_WEB = """
import sys
sys.modules["fastapi"] = None
from pathlib import Path
from p5rec.commands import serve
serve.run(Path(sys.argv[1]), "127.0.0.1", 0, None)
"""


def test_serving_without_its_packages(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_WEB, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "p5rec serve needs the package 'fastapi', which is not installed; install it with: pip" in done.stderr


def test_logging_without_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="logging to tensorboard needs the package 'tensorboard'"):
        loggers.build(["tensorboard"], tmp_path)


def test_metrics_judge_known_answers() -> None:
    queries, truth = sample().held_out("test")
    odd = metric("mrr")
    odd.judges = dict  # type: ignore[attr-defined]
    told = Told(ItemLists, sample().n_items, lambda user, items: items.astype(float))
    with pytest.raises(InputError, match=r"metrics judge ItemLists, Numbers or Texts, not \['dict'\]"):
        evaluate(told, queries, truth, {"odd": odd})  # type: ignore[dict-item]


def test_auc_needs_ranks() -> None:
    _, truth = sample().held_out("test")
    with pytest.raises(InputError, match="auc needs the full ranking, and these answers are lists only"):
        metric("auc").measure(ItemLists(np.zeros((len(truth), 1), int), np.zeros((len(truth), 1))), truth)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("log_loss", 2.0, "log_loss judges probabilities, found answers from 2 to 2"),
        ("rmse", np.nan, "40 of 40 estimates are not finite numbers; the model has diverged"),
    ],
)
def test_numbers_that_are_none(name: str, value: float, sentence: str) -> None:
    queries, truth = sample().held_out("test")
    told = Told(Numbers, sample().n_items, lambda user, items: np.full(len(items), value))
    with pytest.raises(InputError, match=sentence):
        evaluate(told, queries, truth, {name: metric(name)})  # type: ignore[dict-item]
