"""Items that join a finished run: by frame, file and command, for good or for one answer."""

import json
import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from test_cli import p5rec as typed

import p5rec
from p5rec.commands import newcomers
from p5rec.commands.recommender import Recommender, memory_store
from p5rec.contracts import Event
from p5rec.core.errors import InputError
from p5rec.data.dataset import Dataset
from p5rec.data.features import Kind
from p5rec.data.schema import ColumnSchema
from p5rec.models.ease import Ease
from p5rec.serving.service import Service
from p5rec.testing.sample import sample

JAM = {"item_id": "new jam", "title": "jam number 99", "category": "jam"}


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_frame_joins_for_good_and_twice_is_once(folder: Path) -> None:
    recommender = p5rec.load(folder)
    added = recommender.add_items(pl.DataFrame([JAM, {"item_id": "i1"}]))
    assert (added.added, added.known) == (1, 1)
    assert added.note is None
    again = p5rec.load(folder)
    assert again.dataset.n_items == 33
    assert again.dataset.titles[-1] == "jam number 99"
    asked = {"histories": [["i1", "i4"]], "k": 33, "responder": "sasrec"}
    assert again.recommend(**asked)["item_id"].to_list() == recommender.recommend(**asked)["item_id"].to_list()
    assert (again.add_items([JAM]).added, again.add_items([JAM]).known) == (0, 1)
    assert len(again.similar(["new jam"], k=3, responder="sasrec")) == 3


def test_events_on_a_new_item_count_at_once(folder: Path) -> None:
    service: Service = p5rec.load(folder).service(memory_store(), "sasrec")
    service.events([Event("e1", "visitor", "new jam", 1_600_000_000.0)])
    assert "do not know" not in (service.add_items([JAM]).note or "")
    asked = service.recommend("visitor", k=3)
    assert asked.events_seen == 1
    assert "left out" not in (asked.note or "")
    assert "new jam" not in [one.item_id for one in asked.items]
    service.close()


def named(ident: str) -> Dataset:
    """Data whose item table calls its id so, and has pictures."""
    columns = {ident: ColumnSchema(kind=Kind.ID), "picture": ColumnSchema(kind=Kind.IMAGE)}
    return replace(sample(), schema=sample().schema.model_copy(update={"items": columns}))


def test_pandas_frames_mappings_and_files_are_the_same_rows(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    data = named("asin")
    rows = [{"item_id": 7, "price": 1.5, "tags": ["a"], "out": date(2026, 1, 2), "none": float("nan")}]
    told = [{"item_id": "7", "price": 1.5, "tags": ["a"], "out": "2026-01-02", "none": None}]
    assert newcomers.rows(rows, data) == told
    assert newcomers.rows(pl.DataFrame(rows), data) == told
    assert newcomers.rows(pandas.DataFrame(rows), data) == told
    (tmp_path / "new.jsonl").write_text('{"asin": "7", "vector": [1, 2]}\n')
    assert newcomers.rows(tmp_path / "new.jsonl", data) == [{"item_id": "7", "vector": [1, 2]}]
    assert newcomers.plain(np.float32(2.0)) == 2.0
    assert newcomers.plain({"a": [float("nan"), {"b": date(2026, 1, 2)}]}) == {"a": [None, {"b": "2026-01-02"}]}
    priced = newcomers.rows(pl.DataFrame({"item_id": ["7", "8"], "price": [Decimal("1.50"), Decimal("2")]}), data)
    assert json.loads(json.dumps(priced)) == [{"item_id": "7", "price": 1.5}, {"item_id": "8", "price": 2.0}]
    assert newcomers.plain(Decimal("NaN")) is None
    assert newcomers.plain(b"x") == "data:;base64,eA=="
    with pytest.raises(InputError, match="items: found int, expected a polars or pandas frame, a file or a list"):
        newcomers.rows(5, data)
    with pytest.raises(InputError, match="item row 2: there is no item_id; expected the id of the new item"):
        newcomers.rows([{"item_id": "a"}, {"title": "b"}], data)


def test_the_command_tells_what_joined_and_all_faults_at_once(folder: Path, tmp_path: Path, capsys: Any) -> None:
    table = tmp_path / "new.jsonl"
    table.write_text(json.dumps(JAM) + "\n")
    assert typed("recommend", folder, "--history", "i1", "-k", 40, "--items", table, capsys=capsys)[0] == 0
    assert not (folder / "store").exists()  # for that answer only
    code, out, _ = typed("add-items", folder, table, capsys=capsys)
    assert (code, out.strip()) == (0, "1 new items can be recommended now")
    code, out, _ = typed("add-items", folder, table, "--json", capsys=capsys)
    assert json.loads(out) == {"added": 0, "known": 1}
    code, out, _ = typed("similar", folder, "--item", "new jam", "-k", 2, "--json", capsys=capsys)
    assert len(json.loads(out)["items"]) == 2
    table.write_text('{"item_id": "a", "titel": "b"}\n{"item_id": "c", "category": ["d"]}\n')
    code, _, err = typed("add-items", folder, table, capsys=capsys)
    assert code == 2
    assert "no item column 'titel'; did you mean 'title'?" in err
    assert "item row 2, column 'category': found ['d'], expected one value" in err


def test_items_that_fit_no_longer_are_told_and_left_out(folder: Path, capsys: Any) -> None:
    page = p5rec.load(folder).page
    newcomers.keep(page, folder, [JAM, {"item_id": "odd", "weight": 3}])
    assert p5rec.load(folder).dataset.n_items == 33
    told = " ".join(capsys.readouterr().err.split())
    assert "1 items that joined earlier do not fit this run and are left out: item row 1: there is no item" in told


def test_a_model_that_cannot_grow_answers_without_the_new_ones(folder: Path, monkeypatch: Any) -> None:
    recommender = p5rec.load(folder)
    monkeypatch.setattr("p5rec.commands.recommender.Grows", Stiffless)
    monkeypatch.setattr("p5rec.commands.assemble.Grows", Stiffless)
    monkeypatch.setattr("p5rec.serving.notes.Grows", Stiffless)
    asked = {"histories": [["i1", "i4"]], "k": 5, "responder": "ease"}
    before = recommender.recommend(**asked)
    added = recommender.add_items([JAM], keep=False)
    assert added.note == "not ranked until trained again by: ease"
    after = recommender.recommend(**asked)
    assert after.drop("because").equals(before.drop("because"))
    with_new = {**asked, "histories": [["i1", "new jam", "i4"]]}
    assert recommender.recommend(**with_new)["item_id"].to_list() == before["item_id"].to_list()
    mixed = recommender.recommend(histories=[["i1"]], k=32)  # a blend with ease, and the fallback behind all else
    assert mixed["item_id"].to_list()[-1] == "new jam"
    assert "new jam" in recommender.recommend(histories=[["i1"]], k=40, responder="sasrec")["item_id"].to_list()


class _But(type):
    def __instancecheck__(cls, model: object) -> bool:
        return not isinstance(model, Ease)


class Stiffless(metaclass=_But):
    """All models but ease."""


def test_nothing_joins_nothing_changes(finished: Path) -> None:
    recommender = Recommender.load(finished)
    assert recommender.with_items([]) is recommender


def test_files_beside_a_table_of_new_items_are_found_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "a.png").write_bytes(b"x")
    (tmp_path / "new.csv").write_text("item_id,picture\na,pics/a.png\nb,pics/gone.png\n")
    told = {row["item_id"]: row["picture"] for row in newcomers.rows(tmp_path / "new.csv", named("item_id"))}
    assert told == {"a": str(tmp_path / "pics" / "a.png"), "b": "pics/gone.png"}


def test_an_item_of_which_nothing_is_told_comes_last_and_that_is_said(folder: Path) -> None:
    recommender = p5rec.load(folder)
    added = recommender.add_items([{"item_id": "bare"}, JAM], keep=False)
    assert added.note == (
        "nothing that a model reads is told of 1 of them, e.g. 'bare', so that they come last until trained again"
    )
    for name in ("sasrec", "blend"):
        told = recommender.recommend(["u1", "u2"], k=10, responder=name)["item_id"].to_list()
        assert "new jam" in told
        assert "bare" not in told
    assert recommender.recommend(["u1"], k=40, responder="sasrec")["item_id"].to_list()[-1] == "bare"
