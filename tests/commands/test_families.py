"""Families of prompts in the report: a shop in which only words tell what comes next, and published faults."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from p5rec.commands import run as stage
from p5rec.commands.page import resolve

PACE = {"epochs": 12, "rate": 0.005, "warmup": 10, "turns": "each", "patience": 0, "keep": "last"}
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
                "train": PACE,
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
        f"left out, as the data cannot fill it: {wording} → {{item}}"
        for wording in (
            "{history} like {older} but newer",
            "{history} something newer than {older} , but like it",
            "{history} please show something like {older} , but newer",
        )
    ]


def test_numbers_stand_beside_the_tuned_bias(told: dict[str, Any]) -> None:
    assert told["rating"]["rmse"] < 0.5
    low, high = told["rating"]["interval"]["rmse"]
    assert low <= told["rating"]["rmse"] <= high
    assert "rmse" in rows(told, "rating")["tuned user + item bias: stars"]["difference"]
    assert {"ndcg@10", "recall@10", "choice_accuracy", "yes_no_accuracy"} <= set(told["sequential"])


# ---------------------------------------------------------------- families of texts


THINGS = ("zorb", "plinth", "tassel", "grommet", "spigot", "ferrule")
FORMS = ("I like the {0}. It is very {2} and the {1} is too.", "My {1} broke. A {2} {0} is a thing for the {1}.")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Reviews whose words tell the stars, though neither user nor item does."""
    folder, draw = tmp_path_factory.mktemp("written"), random.Random(5)
    lines = []
    for user in range(60):
        for n, item in enumerate(draw.sample(range(20), 6)):
            stars = draw.choice([1, 5])
            word, (one, other) = ("bad", "good")[stars == 5], draw.sample(THINGS, 2)
            text = draw.choice(FORMS).format(one, other, word)
            row = {"reviewerID": f"u{user}", "asin": f"i{item}", "overall": stars, "unixReviewTime": 1000 + n}
            lines.append(json.dumps({**row, "reviewText": text, "summary": f"a {word} {one}"}))
    (folder / "reviews.jsonl").write_text("\n".join(lines) + "\n")
    tasks = {name: {"kind": "prompt", "family": name, "rows": 48} for name in ("review", "explanation")}
    p5 = {"width": 32, "heads": 2, "length": 64, "blocks": 1, "task": tasks}
    page = {
        "data": {"path": str(folder / "reviews.jsonl"), "source": "amazon"},
        "model": {"p5": {**p5, "train": {**PACE, "epochs": 40}}},
        "evaluate": {"bootstrap": 100, "baselines": False},
    }
    stage.run(resolve(page), folder / "run")
    found: dict[str, Any] = json.loads((folder / "run" / "report.json").read_text())
    return found["models"]["p5"]["test"]["families"]


def test_texts_are_measured_beside_baselines_of_words_and_copies(written: dict[str, Any]) -> None:
    review, explanation = written["review"], written["explanation"]
    assert {"rmse", "headline_bleu4", "sentiment_accuracy"} <= set(review)
    assert {"bleu1", "bleu4", "rouge1", "rougeL", "distinct2"} <= set(explanation)
    assert review["rows"]["TF-IDF + ridge: stars"]["rmse"] < 0.5
    assert review["rows"]["tuned user + item bias: stars"]["rmse"] > 1.5  # neither tells the stars
    assert review["rmse"] < review["rows"]["tuned user + item bias: stars"]["rmse"] - 0.3
    assert "distinct2" in explanation["rows"]["copy: of the item: sentence"]
    assert "bleu4" in explanation["rows"]["copy: of user and item: sentence"]


def test_a_feature_that_is_given_is_reported_apart(written: dict[str, Any]) -> None:
    given = written["explanation"]["rows"]["feature given"]
    assert given["note"] == "the word comes from the sentence that is right"
    assert {"bleu1", "distinct2"} <= set(given)
