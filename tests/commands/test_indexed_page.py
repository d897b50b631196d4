"""A page that looks items up in an index: checked when it is read, served as it says."""

from pathlib import Path

import pytest
from command_toys import shop_page, write_shop

from p5rec.commands import page as pages
from p5rec.commands.recommender import Recommender
from p5rec.commands.run import train
from p5rec.core.errors import InputError


def read(data: dict[str, str], **fast: object) -> pages.Page:
    responder = {"fast": {"kind": "nearest", **fast}}
    return pages.read(shop_page(data, responder=responder, serve={"responder": "fast"}))


def test_faults_of_the_index_are_faults_of_the_page() -> None:
    with pytest.raises(InputError, match=r"fast\.index: there is no index called 'fais'; did you mean 'faiss'"):
        read({"path": "x.csv"}, of="sasrec", index="fais")
    with pytest.raises(InputError, match=r"responder\.fast\.index: recall|responder\.fast\.index\.recall"):
        read({"path": "x.csv"}, of="sasrec", index={"name": "faiss", "recall": 2})
    with pytest.raises(
        InputError, match=r"items are looked up for one model whose scores are products of vectors.*sas"
    ):
        read({"path": "x.csv"}, of="ease")
    with pytest.raises(InputError, match="found 'sasrec', 'ease'"):
        read({"path": "x.csv"}, of=["sasrec", "ease"])


def test_a_page_serves_from_an_index(tmp_path: Path) -> None:
    page = read(write_shop(tmp_path), of="sasrec", index={"name": "faiss", "recall": 0.9})
    assert ("index", "faiss") in page.plugs
    train(page, tmp_path / "run")
    known = Recommender.load(tmp_path / "run")
    near, exact = known.recommend(["u1", "u2"], k=4), known.recommend(["u1", "u2"], k=4, responder="sasrec")
    assert near["item_id"].to_list() == exact["item_id"].to_list()
