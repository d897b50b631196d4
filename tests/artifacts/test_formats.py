"""An artifact of each format version is kept here, made by `make.py`, and must load and answer the same for ever."""

import json
from pathlib import Path

import pytest
from make import ASKED

import p5rec
from p5rec.core.artifact import FORMAT

KEPT = sorted(Path(__file__).parent.glob("format-*"))


def test_the_current_format_is_kept():
    assert f"format-{FORMAT}" in [folder.name for folder in KEPT]


@pytest.mark.parametrize("folder", KEPT, ids=[folder.name for folder in KEPT])
def test_it_loads_and_answers_as_it_did(folder: Path):
    recommender = p5rec.load(folder)
    for name, rows in json.loads((folder / "answers.json").read_text()).items():
        found = recommender.recommend(**ASKED, responder=name).to_dicts()
        scores = [row["score"] for row in rows]
        assert [row["score"] for row in found] == pytest.approx(scores, abs=1e-4), name
        for then, now in zip(rows, found, strict=True):  # items of equal scores may change places
            assert then["item_id"] == now["item_id"] or sum(abs(then["score"] - one) < 1e-4 for one in scores) > 1, name


@pytest.mark.parametrize("folder", KEPT, ids=[folder.name for folder in KEPT])
def test_it_grows(folder: Path):
    recommender = p5rec.load(folder)
    recommender = recommender.with_items([{"item_id": "new", "title": "thing new", "category": "a"}])
    asked = {"histories": [["i0"]], "k": 14, "responder": "sasrec"}
    assert "new" in recommender.recommend(**asked)["item_id"].to_list()
