"""Modalities that find nothing to read step aside, and the run says so once."""

from pathlib import Path

import pytest
from command_toys import shop_page

from p5rec.commands import assemble, prepare, run
from p5rec.commands.page import resolve

READ = "it reads none of the columns of the items (item_id: id, title: text, category: category)"


def test_a_named_modality_without_columns_is_told(shop: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    page = resolve(
        shop_page(
            shop,
            items={"modalities": ["id", "time", "text", "graph", {"name": "vector"}]},
            users={"modalities": ["id", "category"]},
            model={"popular": {}},
            responder={},
            serve={},
        )
    )
    run.train(page, tmp_path / "run")
    sentences = [
        f"items.modalities: time steps aside: {READ}",
        f"items.modalities: vector steps aside: {READ}",
        "users.modalities: category steps aside: it reads none of the columns of the users (none)",
    ]
    told = capsys.readouterr().err
    assert [told.count(one) for one in sentences] == [1, 1, 1]
    assert "graph steps aside" not in told


def test_of_the_usual_modalities_nothing_is_told(shop: dict, tmp_path: Path):
    page = resolve(shop_page(shop))
    assert not assemble.aside(page, prepare.run(page, tmp_path / "data"))
