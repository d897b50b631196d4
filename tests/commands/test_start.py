"""Starting from an artifact: what is taken over, what begins anew, and what the run says of its worth."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from command_toys import write_shop

from p5rec.commands import comparison, made, start
from p5rec.commands import run as stage
from p5rec.commands.page import read
from p5rec.commands.weights import Trained
from p5rec.core.errors import InputError
from p5rec.data import storage

WORDS = ["red", "blue", "green", "gold", "pink", "gray", "teal", "lime", "navy", "ruby", "sand", "plum"]


def write_world(folder: Path, name: str, users: int, seed: int, foreign: str = "") -> dict[str, str]:
    """Events whose next item has the colour that follows the last one; items are known by two words."""
    folder.mkdir(parents=True, exist_ok=True)
    draw, lines = random.Random(seed), ["user_id,item_id,timestamp"]
    items = {f"{name}{n}": WORDS[n % 12] for n in range(72)}
    for user in range(users):
        colour = draw.randrange(12)
        for n in range(9):
            item = draw.choice([key for key, word in items.items() if word == WORDS[(colour + n) % 12]])
            lines.append(f"{name}u{user},{item},{1_600_000_000 + n * 60}")
    (folder / "events.csv").write_text("\n".join(lines) + "\n")
    rows = [f"{key},{word} thing {foreign}" for key, word in items.items()]
    (folder / "items.csv").write_text("item_id,title\n" + "\n".join(rows) + "\n")
    return {"path": str(folder / "events.csv"), "items": str(folder / "items.csv")}


def page(data: dict[str, str], modalities: list[str], **model: Any) -> dict[str, Any]:
    settings = {"width": 16, "blocks": 1, "length": 16, "dropout": 0.0}
    made_of = {"epochs": 150, "validate_every": 50, "warmup": 1, "rate": 0.01, "patience": 0} | model.pop("train", {})
    return {
        "data": data,
        "items": {"modalities": modalities},
        "model": {"p5": {**({} if "from" in model else settings), **model, "train": made_of}},
        "evaluate": {"bootstrap": 100, "baselines": False},
        "serve": {"fallback": "p5"},
    }


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first")
    stage.run(read(page(write_world(out / "world", "a", 150, 1), ["text"])), out / "run")
    return out / "run"


@pytest.fixture(scope="module")
def tuned(pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On other items and users, few of them, with the same words and a new one."""
    out = tmp_path_factory.mktemp("second")
    data = write_world(out / "world", "b", 60, 2, foreign="ceramic")
    short: dict[str, Any] = {"train": {"epochs": 8, "validate_every": 4, "rate": 0.001}, "from": str(pretrained)}
    values = page(data, ["text"], **short)
    del values["items"]  # as the model there has them
    stage.run(read(values), out / "run")
    return out / "run"


def test_pretraining_on_other_items_beats_scratch_on_few_rows(tuned: Path) -> None:
    found = json.loads((tuned / "report.json").read_text())
    variants = found["comparison"]
    assert set(variants) == {"scratch", "pretrained", "full", "frozen", "lowrank"}
    metric = found["pretraining"]["metric"]
    gap = variants["full"]["against_scratch"][metric]
    assert gap["low"] > 0
    assert variants["pretrained"]["metrics"][metric] > variants["scratch"]["metrics"][metric]
    assert found["pretraining"]["helps"] is True


def test_a_comparison_says_what_each_way_took(tuned: Path) -> None:
    variants = json.loads((tuned / "report.json").read_text())["comparison"]
    trainable = {name: one["trainable"] for name, one in variants.items()}
    assert trainable["pretrained"] == 0
    assert 0 < trainable["frozen"] < trainable["lowrank"] < trainable["full"] == trainable["scratch"]
    assert all(one["peak_mb"] > 0 and one["seconds"] >= 0 for one in variants.values())
    assert all(low <= high for one in variants.values() for low, high in one["interval"].values())


def test_structure_comes_from_the_artifact_and_old_words_keep_their_numbers(pretrained: Path, tuned: Path) -> None:
    found = made.opened(tuned)[0]
    assert found.page.models["p5"].model.config.width == 16
    assert [view.name for view in found.page.modalities["items"]] == ["text"]
    old, new = (storage.load(folder / "data").words for folder in (pretrained, tuned))
    assert old is not None
    assert new is not None
    assert new.tokens[: old.size] == old.tokens
    assert "ceramic" in new.tokens[old.size :]


def test_the_marker_names_the_ancestor(pretrained: Path, tuned: Path) -> None:
    facts = json.loads((tuned / "artifact.json").read_text())
    version = json.loads((pretrained / "artifact.json").read_text())["version"]
    assert facts["ancestry"]["starts"] == {"p5": {"run": str(pretrained), "model": "p5", "version": version}}


def test_measuring_again_keeps_the_comparison_and_trains_nothing(tuned: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (tuned / "comparison").rglob("*.safetensors")}
    assert len(before) == 4
    report = comparison.run(tuned)
    assert report.comparison is not None
    assert before == {path: path.stat().st_mtime_ns for path in (tuned / "comparison").rglob("*.safetensors")}


def test_rows_follow_their_names(pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same shop with fewer and other items, users and categories: each row finds its own."""
    monkeypatch.setattr(start, "KNOWN", 1.0)  # the names are the same, what they did is drawn anew
    old_shop = write_shop(tmp_path)
    views = ["id", "category", "text"]
    stage.run(read(page(old_shop, views, train={"steps": 3})), tmp_path / "old")
    (tmp_path / "new").mkdir()
    new_shop = write_shop(tmp_path / "new", users=70, items=27)
    values = page(new_shop, views, **{"from": str(tmp_path / "old"), "train": {"steps": 1}})
    entry = read(values).models["p5"]
    stage.train(read({**values, "model": {"p5": {**values["model"]["p5"]}}}), tmp_path / "run")
    (old, before), (opened, _) = start.opened(entry.start), made.opened(tmp_path / "run")  # type: ignore[arg-type]
    model, taken = start.begun(entry, start.assemble.setting(opened.page, opened.dataset), opened.dataset, {})
    assert taken is not None
    for key in ("i0", "i7", "i25"):
        ours, theirs = opened.dataset.items.number(key), before.items.number(key)
        assert torch.equal(model.items.views["id"].table[ours], old.items.views["id"].table[theirs])  # type: ignore[union-attr,index]
    tea = [data.item_features.columns["category"].levels.index("tea") for data in (opened.dataset, before)]
    tables = [one.items.views["category"].tables["column category"] for one in (model, old)]  # type: ignore[union-attr,index]
    assert torch.equal(tables[0][tea[0]], tables[1][tea[1]])
    word = [data.words.tokens.index("number") for data in (opened.dataset, before)]  # type: ignore[union-attr]
    assert torch.equal(model.net.lexicon.weight[word[0]], old.net.lexicon.weight[word[1]])  # type: ignore[union-attr]
    assert taken.rows["items"] == (29, 29)
    assert taken.left["items"] == 3
    assert taken.rows["users"] == (60, 70)
    assert "3 old items" in taken.sentence()


def test_a_page_that_disagrees_is_told_so(pretrained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_world(tmp_path, "c", 30, 3)
    found = read(page(data, ["text"], **{"from": str(pretrained / "p5"), "width": 32}))
    assert found.models["p5"].model.config.width == 32
    assert "was made with 16, this page says 32; what fits is taken over" in capsys.readouterr().err


def test_a_start_that_is_not_there_is_a_fault_of_the_page(pretrained: Path, tmp_path: Path) -> None:
    data = write_world(tmp_path, "d", 30, 3)
    with pytest.raises(InputError, match="is no finished run, and no model of one"):
        read(page(data, ["text"], **{"from": str(tmp_path / "nowhere")}))
    with pytest.raises(InputError, match="the run there has no model 'p6'; did you mean 'p5'"):
        read(page(data, ["text"], **{"from": str(pretrained / "p6")}))
    with pytest.raises(InputError, match="expected the folder of a run"):
        read(page(data, ["text"], **{"from": 3}))


def test_a_start_that_changed_or_stepped_aside_is_refused(
    pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(page(write_world(tmp_path, "e", 30, 3), ["text"], **{"from": str(pretrained)})).models["p5"].start
    assert found is not None
    with pytest.raises(InputError, match="this run was made anew since the page was read; read the page again"):
        start.opened(replace(found, version="other"))
    with pytest.raises(InputError, match="there is no model 'p6' in this run to start from"):
        start.opened(replace(found, model="p6"))
    monkeypatch.setattr(start.assemble, "opened", lambda *_: Trained("p5", None, {}))
    with pytest.raises(InputError, match="the model 'p5' stepped aside there, so nothing starts from it"):
        start.opened(found)


def chained(data: dict[str, str], **second: Any) -> dict[str, Any]:
    """A page whose second model starts from its first."""
    values = page(data, ["text"], train={"steps": 4})
    small = {"task": {"next_item": {}}, "train": {"steps": 2, "validate_every": 1}}
    models = {"first": {"kind": "p5", **values["model"]["p5"]}, "second": {"from": "first", **small, **second}}
    return {**values, "model": models, "serve": {"fallback": "second"}}


def test_a_model_starts_from_one_above_it_in_the_page(tmp_path: Path) -> None:
    """Made as that one is; compared with scratch; a killed or finished run goes on without training anew."""
    values = chained(write_world(tmp_path, "f", 40, 4), train={"steps": 1, "rate": 1e-9})
    entry = read(values).models["second"]
    assert entry.model.config.width == 16
    assert entry.start is not None
    assert str(entry.start) == "first"
    report = stage.run(read(values), tmp_path / "run")
    found = made.opened(tmp_path / "run")[0]
    first, second = (found.chosen[name].model for name in ("first", "second"))
    assert torch.allclose(first.net.lexicon.weight, second.net.lexicon.weight, atol=1e-6)  # type: ignore[union-attr]
    assert report.comparison is not None
    assert {"scratch", "pretrained", "full"} <= {one.name for one in report.comparison.variants}
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*.safetensors")}
    stage.run(read(values), tmp_path / "run")
    assert stamps == {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*.safetensors")}


def test_another_first_model_makes_the_second_anew(tmp_path: Path) -> None:
    values = chained(write_world(tmp_path, "g", 40, 4))
    values["evaluate"]["comparison"] = False
    stage.run(read(values), tmp_path / "run")
    weights = tmp_path / "run" / "models" / "second" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    values["model"]["first"]["train"]["steps"] = 5
    stage.run(read(values), tmp_path / "run")
    assert weights.stat().st_mtime_ns != before


def test_nothing_starts_from_a_model_that_stepped_aside(tmp_path: Path) -> None:
    values = chained(write_world(tmp_path, "h", 30, 4))
    entry = read(values).models["second"]
    with pytest.raises(InputError, match="'first' stepped aside, so nothing starts from it"):
        start.begun(entry, *_built(values, tmp_path), {"first": Trained("first", None, {})})


def _built(values: dict[str, Any], folder: Path) -> tuple[Any, Any]:
    """Setting and data of a page."""
    stage.train(read({**values, "model": {"first": values["model"]["first"]}, "serve": {}}), folder / "built")
    opened = made.opened(folder / "built")[0]
    return start.assemble.setting(opened.page, opened.dataset), opened.dataset
