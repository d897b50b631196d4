"""Families of prompts in the report: a shop in which only words tell what comes next, and published faults."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from p5rec.commands import run as stage
from p5rec.commands.page import resolve

SORTS, EACH = ("tea", "jam", "pot"), 32


def write(folder: Path) -> dict[str, str]:
    """Users take items of any sort in any order: only who is told the sort can do better than chance."""
    draw = random.Random(3)
    lines = ["user_id,item_id,rating,timestamp"]
    for user in range(120):
        for n, item in enumerate(draw.sample(range(len(SORTS) * EACH), 10)):
            lines.append(f"u{user},i{item},{5 if item % 3 == 0 else 2},{1_600_000_000 + n * 60}")
    (folder / "events.csv").write_text("\n".join(lines) + "\n")
    rows = [f"i{item},{SORTS[item % 3]}" for item in range(len(SORTS) * EACH)]
    (folder / "items.csv").write_text("item_id,category\n" + "\n".join(rows) + "\n")
    return {"path": str(folder / "events.csv"), "items": str(folder / "items.csv")}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("told")
    tasks = {name: {"kind": "prompt", "family": name, "rows": 48} for name in ("instruct", "rating", "sequential")}
    page = {
        "data": write(folder),
        "items": {"modalities": ["id", "category"]},
        "model": {
            "p5": {
                "width": 32,
                "heads": 2,
                "length": 40,
                "blocks": 1,
                "task": tasks,
                "train": {"epochs": 12, "rate": 0.005, "warmup": 10, "turns": "each"},
            }
        },
        "evaluate": {"bootstrap": 100, "baselines": False},
    }
    stage.run(resolve(page), folder / "run")
    found: dict[str, Any] = json.loads((folder / "run" / "report.json").read_text())
    return found["models"]["p5"]["test"]["families"]


def rows(told: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = told[name]["rows"]
    return found


def test_words_steer_a_ranking_and_a_plain_history_cannot(told: dict[str, Any]) -> None:
    steps = rows(told, "instruct")
    named, without = (steps[name] for name in ("X in words", "no words"))
    assert named["share_of_x@10"] > 0.85
    assert 0.1 < without["share_of_x@10"] < 0.7
    assert named["of_x_odds_ratio"] > 5
    assert steps["not X in words"]["share_of_x@10"] < named["share_of_x@10"] - 0.2
    assert (
        steps["X of the next item in words"]["named_recall@10"]
        > steps["X of the next item, no words"]["named_recall@10"]
    )


def test_words_of_others_cost(told: dict[str, Any]) -> None:
    assert rows(told, "instruct")["words of other prompts: item"]["ndcg@10"] < told["instruct"]["ndcg@10"]


def test_what_the_data_cannot_fill_is_left_out_with_a_note(told: dict[str, Any]) -> None:
    assert told["instruct"]["notes"] == [
        "left out, as the data cannot fill it: {history} like {older} but newer → {item}"
    ]


def test_numbers_stand_beside_the_tuned_bias(told: dict[str, Any]) -> None:
    assert told["rating"]["rmse"] < 0.5
    low, high = told["rating"]["interval"]["rmse"]
    assert low <= told["rating"]["rmse"] <= high
    assert "rmse" in rows(told, "rating")["tuned user + item bias: stars"]["difference"]
    assert {"ndcg@10", "recall@10", "choice_accuracy", "yes_no_accuracy"} <= set(told["sequential"])
