"""The whole job in one folder: what it holds, what a second run keeps, what a cut-off run leaves."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_toys import shop_page, write_shop

import p5rec
from p5rec.commands import page as pages
from p5rec.commands import run as stage
from p5rec.commands import train as training
from p5rec.commands.made import opened
from p5rec.commands.page import resolve
from p5rec.commands.weights import Trained
from p5rec.core.errors import InputError
from p5rec.data.dataset import Dataset


def test_report_json_holds_what_programs_read(numbers: dict):
    assert numbers["schema"] == 1
    assert numbers["data"]["users"] == 60
    assert numbers["data"]["items"] == 32
    assert set(numbers["protocol"]) >= {"split", "ranking", "seen", "fitted_on", "seed"}
    row = numbers["models"]["sasrec"]
    assert {"recall@5", "recall@10", "ndcg@5", "ndcg@10", "mrr"} <= set(row["test"]) & set(row["valid"])
    low, high = row["interval"]["test"]["ndcg@10"]
    assert low <= row["test"]["ndcg@10"] <= high
    assert row["seconds"]["fit"] > 0
    assert row["seconds"]["rank"] > 0
    assert row["parameters"] > 0
    assert row["peak_mb"] > 0
    assert row["slices"]
    assert set(numbers["models"]) == {"popular", "popular-recent", "itemknn", "ease", "sasrec", "blend"}


def test_a_model_that_learns_beats_popularity(numbers: dict):
    """Each user likes ten of thirty items, eight of them taken: at least one of two is left for the test."""
    assert numbers["models"]["ease"]["test"]["recall@10"] > 0.9
    assert numbers["models"]["popular"]["test"]["recall@10"] < 0.9


def test_nothing_in_the_artifact_is_pickled(finished: Path):
    endings = {path.suffix for path in finished.rglob("*") if path.is_file()}
    assert endings <= {".json", ".toml", ".html", ".npy", ".safetensors", ".parquet", ".arrow", ".feather", ".txt"}
    for path in finished.rglob("*.npy"):
        np.load(path, allow_pickle=False)


def test_a_second_run_keeps_what_is_there(shop: dict, finished: Path, monkeypatch: pytest.MonkeyPatch):
    before = {name: one.stat().st_mtime_ns for name in ("ease", "sasrec") for one in [finished / "models" / name]}
    monkeypatch.setattr(training, "fit", lambda *a, **k: pytest.fail("sasrec was trained again"))
    stage.run(resolve(shop_page(shop)), finished)
    assert before == {name: (finished / "models" / name).stat().st_mtime_ns for name in before}


def test_a_run_that_was_cut_off_is_not_taken_for_a_finished_one(shop: dict, tmp_path: Path, monkeypatch):
    def cut(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "fit", cut)
    with pytest.raises(KeyboardInterrupt):
        stage.run(resolve(shop_page(shop)), tmp_path / "out")
    with pytest.raises(InputError, match=r"was never finished \(no artifact.json\)"):
        p5rec.load(tmp_path / "out")
    monkeypatch.undo()
    stage.run(resolve(shop_page(shop)), tmp_path / "out")
    assert p5rec.load(tmp_path / "out").recommend(users=["u1"], k=3).height == 3


def test_refitting_on_validation_rows_keeps_the_choice_apart_from_the_test(shop: dict, tmp_path: Path):
    page = shop_page(shop, evaluate={"fitted_on": "train+valid", "bootstrap": 100})
    report = stage.run(resolve(page), tmp_path / "out")
    made, _ = opened(tmp_path / "out")
    assert made.final["ease"].facts["made_by"] != made.chosen["ease"].facts["made_by"]
    assert made.served.item_counts.sum() == made.dataset.item_counts.sum() + 60
    assert any("refitted on training and validation rows" in found.sentence for found in report.findings)
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert told["protocol"]["fitted_on"] == "train+valid"
    alone = stage.run(resolve(shop_page(shop)), tmp_path / "alone")
    for row in alone.rows:
        assert told["models"][row.name]["before"]["ndcg@10"] == pytest.approx(row.test["ndcg@10"]), row.name
    assert "fitted on training rows alone" in (tmp_path / "out" / "report.html").read_text()
    assert "fitted on training rows alone" not in (tmp_path / "alone" / "report.html").read_text()


def test_a_finished_run_is_refitted_from_its_own_models_and_back(shop: dict, tmp_path: Path, monkeypatch):
    fitted: list[Path] = []

    def one(page: object, entry: object, begun: object, made_for: object, dataset: Dataset, folder: Path) -> Trained:
        fitted.append(folder.relative_to(tmp_path))
        return really(page, entry, begun, made_for, dataset, folder)

    really = training._one
    monkeypatch.setattr(training, "_one", one)
    alone = stage.run(resolve(shop_page(shop)), tmp_path)
    fitted.clear()
    both = stage.run(resolve(shop_page(shop, evaluate={"fitted_on": "train+valid"})), tmp_path)
    assert {folder.parent.name for folder in fitted} == {"models"}, "those on training rows were taken up"
    assert {row.name: dict(row.before) for row in both.rows} == {row.name: dict(row.test) for row in alone.rows}
    fitted.clear()
    again = stage.run(resolve(shop_page(shop)), tmp_path)
    assert not fitted
    assert {row.name: dict(row.test) for row in again.rows} == {row.name: dict(row.test) for row in alone.rows}


def test_sampled_rankings_are_refused_in_words_before_anything_is_trained(shop: dict, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(training, "run", lambda *a: pytest.fail("models were trained first"))
    page = shop_page(shop, evaluate={"ranking": "sampled"})
    with pytest.raises(InputError, match="ranking among sampled candidates misleads"):
        stage.run(resolve(page), tmp_path / "out")


def test_a_bad_file_leaves_no_output(tmp_path: Path):
    (tmp_path / "bad.csv").write_text("user_id,item_id,rating\nu1,,4\n")
    with pytest.raises(InputError, match=r"bad\.csv"):
        p5rec.prepare(tmp_path / "bad.csv", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_training_and_measuring_apart_are_the_run(shop: dict, finished: Path, numbers: dict, tmp_path: Path):
    dataset = p5rec.prepare(shop["path"], tmp_path / "data", items=shop["items"])
    p5rec.train({key: value for key, value in shop_page(shop).items() if key != "data"}, tmp_path / "out", data=dataset)
    report = p5rec.evaluate(tmp_path / "out")
    again = {row.name: row.test["ndcg@10"] for row in report.rows}
    assert again == pytest.approx({name: row["test"]["ndcg@10"] for name, row in numbers["models"].items()}, abs=1e-4)


def test_one_loop_logs_to_tensorboard(shop: dict, tmp_path: Path):
    stage.run(resolve(shop_page(shop, loggers=["tensorboard"])), tmp_path / "out")
    assert list((tmp_path / "out").rglob("events.out.tfevents.*"))


def test_the_whole_job_on_a_frame(shop: dict, tmp_path: Path):
    events = pl.read_csv(shop["path"])
    page = shop_page({"source": {"name": "frame", "events": events, "items": pl.read_csv(shop["items"])}})
    recommender = p5rec.run(page, tmp_path / "out")
    assert recommender.recommend(users=["u2"], k=2).height == 2
    with pytest.raises(InputError, match="a frame lives in Python only"):
        p5rec.run({"data": {"source": "frame"}}, tmp_path / "other")


def test_a_run_opens_when_its_data_is_gone(tmp_path: Path):
    page = shop_page(write_shop(tmp_path, users=20), model={"ease": {}}, responder={}, serve={})
    p5rec.run(page, tmp_path / "out")
    (tmp_path / "events.csv").unlink()
    (tmp_path / "items.csv").unlink()
    assert p5rec.load(tmp_path / "out").recommend(users=["u2"], k=2).height == 2


def test_ratings_are_estimated_not_ranked(tmp_path: Path):
    rows = [f"u{u},i{i},{1 + (u + 2 * i) % 5}" for u in range(40) for i in range(20) if (u + i) % 3]
    (tmp_path / "ratings.csv").write_text("user_id,item_id,rating\n" + "\n".join(rows) + "\n")
    page = {
        "data": {"path": str(tmp_path / "ratings.csv"), "split": "random"},
        "model": {"deepfm": {"train": {"steps": 3}}, "popular": {}},
        "evaluate": {"metrics": ["rmse", "mae"], "baselines": False, "bootstrap": 100},
    }
    report = stage.run(resolve(page), tmp_path / "out")
    assert report.protocol.words() == "held-out pairs estimated"
    notes = {row.name: row.note for row in report.rows}
    assert notes == {"deepfm": "", "popular": "it ranks items and estimates no numbers"}
    assert "ranked" not in (tmp_path / "out" / "report.html").read_text().split("<table")[0]


def test_a_blend_without_validation_rows_says_that_it_did_not_choose(tmp_path: Path, capsys):
    rows = [f"u{u},i{(u + 3 * n) % 11},{'test' if n == 4 else 'train'}" for u in range(30) for n in range(5)]
    (tmp_path / "events.csv").write_text("user_id,item_id,split\n" + "\n".join(rows) + "\n")
    page = {
        "data": {"path": str(tmp_path / "events.csv"), "split": "given"},
        "model": {"ease": {}},
        "responder": {"blend": {"of": ["itemknn", "ease"]}},
        "evaluate": {"bootstrap": 100},
    }
    p5rec.run(page, tmp_path / "out")
    assert "blend: the split holds no validation rows to choose its weights by" in capsys.readouterr().err


def test_a_bad_input_leaves_a_good_run_as_it_was_and_a_new_folder_unmade(shop: dict, tmp_path: Path):
    good = shop_page(shop, model={"ease": {}}, responder={}, serve={})
    p5rec.run(good, tmp_path / "good")
    (tmp_path / "bad.csv").write_text("user_id,item_id\nu1,\n")
    for bad in (str(tmp_path / "bad.csv"), str(tmp_path / "nothing.csv")):
        for out in ("good", "new"):
            with pytest.raises(InputError):
                p5rec.run({**good, "data": {"path": bad, "source": "table"}}, tmp_path / out)
    with pytest.raises(InputError, match="sampled"):
        p5rec.run({**good, "evaluate": {"ranking": "sampled"}, "data": {**shop, "split": "ratio"}}, tmp_path / "good")
    assert p5rec.load(tmp_path / "good").recommend(users=["u1"], k=2).height == 2
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="this is a file; expected a folder for the run"):
        p5rec.run(good, tmp_path / "bad.csv")


def test_changed_files_are_prepared_again(tmp_path: Path):
    (tmp_path / "parts").mkdir()
    first = write_shop(tmp_path / "parts", users=20)
    page = {"data": {"path": str(tmp_path / "parts" / "*.csv"), "source": "table"}, "model": {"ease": {}}}
    (tmp_path / "parts" / "items.csv").unlink()
    assert p5rec.run(page, tmp_path / "out").dataset.n_users == 20
    text = Path(first["path"]).read_text().replace("u1,", "another,")
    (tmp_path / "parts" / "more.csv").write_text(text)
    assert p5rec.run(page, tmp_path / "out").dataset.n_users == 21


OWN = '''"""Own."""
import torch
from p5rec.contracts import Grows, Solved
from p5rec.core.config import Config


class Mine(Solved, Grows):
    """Likes one item."""

    Config = Config
    claims = ("popularity",)

    def __init__(self, config, setting):
        super().__init__()
        self.register_buffer("likes", torch.zeros(setting.items.count))

    def solve(self, dataset):
        self.likes[dataset.items.number("LIKED")] = 1

    def encode(self, stream):
        return torch.zeros(*stream.asks.shape, 1)

    def score(self, state, items=None):
        likes = self.likes if items is None else self.likes[items]
        return likes.expand(*state.shape[:2], -1) if likes.dim() == 1 else likes.view(len(likes), -1, likes.shape[-1])

    def grow(self, setting):
        self.likes = torch.cat([self.likes, torch.zeros(setting.items.count - len(self.likes))])
'''


def test_own_plugs_are_noticed_when_they_change_and_travel_with_the_run(tmp_path: Path):
    plug = tmp_path / "own" / "model" / "mine.py"
    plug.parent.mkdir(parents=True)
    page = {
        "plugs": str(tmp_path / "own"),
        "data": write_shop(tmp_path, users=20),
        "model": {"mine": {}},
        "serve": {"responder": "mine"},
    }
    for liked in ("i3", "i7"):
        plug.write_text(OWN.replace("LIKED", liked))
        script = "import sys, json, p5rec; p5rec.run(json.loads(sys.argv[1]), sys.argv[2])"
        done = [sys.executable, "-c", script, json.dumps(page), str(tmp_path / "out")]
        subprocess.run(done, check=True, capture_output=True)
    shutil.rmtree(tmp_path / "own")
    shutil.move(tmp_path / "out", tmp_path / "moved")
    script = "import sys, p5rec; print(p5rec.load(sys.argv[1]).recommend(histories=[['i1']], k=1)['item_id'][0])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "moved")], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "i7"


def test_a_deny_list_holds_for_the_fallback_too(shop: dict, tmp_path: Path):
    rules = {"kind": "rules", "of": ["itemknn"], "deny": ["i0", "i1", "i2", "i3"]}
    page = shop_page(shop, model={"ease": {}}, responder={"shop": rules}, serve={"responder": "shop"})
    recommender = p5rec.run(page, tmp_path / "out")
    for asked in ({"users": ["nobody"]}, {"users": ["u1"]}, {"histories": [["i5"]]}):
        found = recommender.recommend(**asked, k=32)["item_id"].to_list()
        assert len(found) > 10
        assert not {"i0", "i1", "i2", "i3"} & set(found)
    inside = {"shop": rules, "blend": {"of": ["shop", "ease"]}}
    with pytest.raises(InputError, match="'shop' holds rules, and its fallback would not obey them"):
        resolve(shop_page(shop, model={"ease": {}}, responder=inside, serve={}))


@pytest.mark.parametrize("name", [name for name in pages.shipped() if name not in ("ratings", "text-rating")])
def test_every_shipped_page_trains_on_prepared_data(name: str, shop: dict, tmp_path: Path):
    """All but those that judge stars, which the shop has none of."""
    dataset = p5rec.prepare(shop["path"], tmp_path / "data", split="ratio")
    page = pages.read(name, prepared=True)
    short = [f"model.{model}.train.steps=2" for model, entry in page.models.items() if entry.tasks]
    p5rec.train(name, tmp_path / "out", short, data=dataset)
    report = p5rec.evaluate(tmp_path / "out")
    assert report.protocol.split == "ratio"


@pytest.mark.prove
def test_curves_go_to_wandb_offline(shop: dict, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    stage.run(resolve(shop_page(shop, loggers=["wandb"])), tmp_path / "out")
    assert list((tmp_path / "out").rglob("*.wandb"))


def test_metrics_of_labels_need_labels(shop: dict, tmp_path: Path):
    page = {"data": {**shop, "split": "random"}, "model": {"deepfm": {}}, "evaluate": {"metrics": ["rmse"]}}
    with pytest.raises(InputError, match=r"no event column has the role label; name it with --set data.source.label"):
        stage.run(resolve(page), tmp_path / "out")


def test_what_must_not_be_overlooked_stands_on_the_screen(tmp_path: Path, capsys):
    rows = [f"u{u},i{(u + n) % 9},{1_600_000_000 + n}" for u in range(30) for n in range(5)]
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\n" + "\n".join([*rows, *rows[:40]]) + "\n")
    page = pages.read("events", [f"data.path={tmp_path / 'events.csv'}", "model.sasrec.train.steps=2"])
    report = stage.run(page, tmp_path / "out")
    assert any("left out: 40 rows, same user and item again" in one for one in stage.remarks(report))
    assert any("few test queries (30)" in one for one in stage.remarks(report))
