"""The small worked example: texts without their stars, then the stars, in one page."""

import csv
import json
import random
from pathlib import Path

from p5rec.commands import run as stage
from p5rec.commands.page import read


def test_text_rating_pretrains_tunes_and_is_set_beside_scratch(tmp_path: Path) -> None:
    draw = random.Random(0)
    with (tmp_path / "reviews.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "stars"])
        for n in range(240):
            stars = draw.choice([1, 5])
            rows.writerow([f"a {('bad', 'good')[stars == 5]} {draw.choice(['tea', 'pot', 'cup'])} {n}", stars])
    short = [f"model.{name}.train.steps={steps}" for name, steps in (("words", 2), ("mlp", 80))]
    short += ["model.mlp.train.warmup=5", "model.mlp.train.rate=0.01"]
    page = read("text-rating", [f"data.path={tmp_path / 'reviews.csv'}", "evaluate.bootstrap=100", *short])
    stage.run(page, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    told = report["models"]["mlp"]["test"]
    assert {"rmse", "mae", "accuracy"} <= set(told)
    assert told["rmse"] < 1.5  # the stars deviate by 2
    assert {"scratch", "full"} <= set(report["comparison"])
