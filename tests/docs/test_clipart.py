"""The example of clip art: small, complete, and a page that can be read."""

import csv
from pathlib import Path

import pytest

from p5rec.commands import page as pages

HERE = Path(__file__).parents[2] / "examples" / "clipart"


def table(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_item_has_its_files_and_a_credit() -> None:
    items = table("items.csv")
    named = [row[column] for row in items for column in ("picture", "sound") if row[column]]
    assert all((HERE / name).is_file() for name in named)
    assert {row["item_id"] for row in items} <= {row["item_id"] for row in table("credits.csv")}
    assert {row["item_id"] for row in table("events.csv")} <= {row["item_id"] for row in items}


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file()) < 2 * 2**20


def test_its_page_reads_every_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE.parents[1])
    page = pages.read(str(HERE / "page.toml"))
    assert [str(one) for one in page.run.items.modalities] == ["id", "text", "category", "image", "audio"]
