"""A small shop on disk, and one finished run of it that the tests of this folder share."""

import json
from pathlib import Path

import pytest
from command_toys import shop_page, write_shop

from p5rec.commands import run as stage
from p5rec.commands.page import resolve


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def finished(shop: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "shop"
    stage.run(resolve(shop_page(shop)), out)
    return out


@pytest.fixture(scope="session")
def numbers(finished: Path) -> dict:
    return json.loads((finished / "report.json").read_text())
