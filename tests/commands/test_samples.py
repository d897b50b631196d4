"""The users that a report shows: real ones, with what they took next marked, and the pictures of their items."""

import json
import re
from pathlib import Path

import polars as pl
import pytest
from command_toys import shop_page, write_shop

from p5rec.commands import run as stage
from p5rec.commands.made import opened
from p5rec.commands.page import resolve
from p5rec.data.dataset import Dataset

CARD = re.compile(r"<article>\s*<h3>User (.*?)</h3>.*?</article>", re.DOTALL)


def answered(out: Path) -> tuple[Dataset, list[dict], str]:
    """Data, samples and page of a finished run."""
    told = json.loads((out / "report.json").read_text())["samples"]
    return opened(out)[0].dataset, told, (out / "report.html").read_text(encoding="utf-8")


def test_what_was_taken_next_is_marked_or_told_below(finished: Path) -> None:
    dataset, told, page = answered(finished)
    queries, truth = dataset.held_out("test")
    right = {
        dataset.users.key(int(user)): dataset.titles[int(truth.items[row][0])] for row, user in enumerate(queries.users)
    }
    assert len(told) == 6
    for one in told:
        hits = [pick["title"] for pick in one["picks"] if pick["hit"]]
        assert hits + one["missed"] == [right[one["user"]]]
        assert not {pick["title"] for pick in one["picks"]} & set(one["missed"])
    assert page.count('<li class="hit">') == sum(pick["hit"] for one in told for pick in one["picks"])
    assert [match[1] for match in CARD.finditer(page)] == [one["user"] for one in told]


def test_items_without_pictures_have_no_boxes(finished: Path) -> None:
    page = answered(finished)[2]
    assert "<img" not in page
    assert 'class="box"' not in page


def test_pictures_of_the_items_stand_in_the_page(tmp_path: Path) -> None:
    images = pytest.importorskip("PIL.Image")
    data, table = write_shop(tmp_path), pl.read_csv(tmp_path / "items.csv")
    (art := tmp_path / "art").mkdir()
    for name in table["item_id"]:
        images.new("RGB", (120, 60), (7 * int(name[1:]) % 256, 90, 200)).save(art / f"{name}.png")
    (art / "i0.png").write_bytes(b"no picture")
    paths = [None if name == "i1" else f"{name}.png" for name in table["item_id"]]
    titles = [f"<b>{title}</b>" for title in table["title"]]
    table.with_columns(pl.Series("title", titles), pl.Series("image", paths)).write_csv(tmp_path / "items.csv")
    views = {"modalities": ["id", {"name": "image", "folder": str(art)}]}
    stage.run(resolve(shop_page(data, items=views, model={"ease": {}}, responder={}, serve={})), tmp_path / "out")
    _, told, page = answered(tmp_path / "out")
    boxes = {"<b>tea number 0</b>", "<b>jam number 1</b>"}
    shown = [title for one in told for title in (*one["history"], *(p["title"] for p in one["picks"]), *one["missed"])]
    assert set(shown) & boxes
    assert page.count('class="box"') == sum(title in boxes for title in shown)
    assert page.count('<img src="data:image/') == page.count("<img") == sum(title not in boxes for title in shown)
    assert "<b><b>" not in page
    assert "data:image" not in (tmp_path / "out" / "report.json").read_text()
