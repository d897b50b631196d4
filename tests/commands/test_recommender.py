"""A finished run, opened: raw ids in and out, for known and new users, lists of candidates and new items."""

from pathlib import Path

import polars as pl
import pytest

import p5rec
from p5rec.commands.recommender import Recommender
from p5rec.core.errors import InputError


@pytest.fixture(scope="module")
def recommender(finished: Path) -> Recommender:
    return p5rec.load(finished)


def test_a_frame_of_k_items_for_each_user(recommender: Recommender, shop: dict):
    found = recommender.recommend(users=["u0", "u1"], k=4)
    assert found.columns == ["user_id", "rank", "item_id", "score", "title", "because"]
    assert found["rank"].to_list() == [1, 2, 3, 4] * 2
    seen = pl.read_csv(shop["path"]).filter(pl.col("user_id") == "u0")["item_id"].to_list()
    assert not set(found.filter(pl.col("user_id") == "u0")["item_id"]) & set(seen)
    assert set(found["because"].drop_nulls()) <= {f"i{n}" for n in range(32)}


def test_users_never_seen_get_what_many_choose(recommender: Recommender):
    stranger = recommender.recommend(users=["who?"], k=3)
    assert (
        stranger["item_id"].to_list()
        == recommender.recommend(users=["who?"], k=3, responder="popular")["item_id"].to_list()
    )
    assert stranger["because"].to_list() == [None] * 3


def test_a_history_speaks_for_itself(recommender: Recommender):
    found = recommender.recommend(histories=[["i0", "i3", "i6"]], k=5, responder="ease")
    assert all(int(item[1:]) % 3 == 0 for item in found["item_id"])


def test_candidates_and_exclusions_are_obeyed(recommender: Recommender):
    found = recommender.recommend(users=["who?"], k=5, candidates=["i1", "i2", "i4"], exclude=["i2"])
    assert set(found["item_id"]) == {"i1", "i4"}
    with pytest.raises(InputError, match="candidates: none of the 1 given is an item of this run"):
        recommender.recommend(users=["u1"], candidates=["nothing"])
    with pytest.raises(InputError, match="give either users or histories"):
        recommender.recommend()


def test_similar_items_share_the_kind(recommender: Recommender):
    found = recommender.similar(["i3"], k=4, responder="ease")
    assert found.columns == ["item_id", "rank", "similar_id", "score", "title"]
    assert all(int(item[1:]) % 3 == 0 for item in found["similar_id"])
    with pytest.raises(InputError, match="item 'nothing' is not among the 32 items"):
        recommender.similar(["nothing"])


def test_pandas_frames_in_and_out(recommender: Recommender, shop: dict, tmp_path: Path):
    pandas = pytest.importorskip("pandas")
    assert isinstance(recommender.recommend(users=["u1"], frame="pandas"), pandas.DataFrame)
    with pytest.raises(InputError, match="frame: found 'arrow', expected 'polars' or 'pandas'"):
        recommender.recommend(users=["u1"], frame="arrow")
    dataset = p5rec.prepare(pandas.read_csv(shop["path"]), tmp_path / "data")
    assert dataset.n_users == 60


def test_a_new_item_joins_beside_the_others_with_old_scores_kept(recommender: Recommender):
    before = recommender.recommend(histories=[["i1", "i4"]], k=5)
    grown = recommender.with_items([{"item_id": "new", "title": "a new jam", "category": "jam"}])
    assert (grown.dataset.n_items, recommender.dataset.n_items) == (33, 32)
    after = grown.recommend(histories=[["i1", "i4"]], k=33)
    kept = after.filter(pl.col("item_id") != "new").head(5)
    assert kept["item_id"].to_list() == before["item_id"].to_list()
    assert "new" in grown.recommend(histories=[["i1", "i4"]], k=33, responder="sasrec")["item_id"].to_list()
    assert recommender.recommend(histories=[["i1", "i4"]], k=5).equals(before)


def test_a_wrong_name_gives_the_nearest(recommender: Recommender):
    with pytest.raises(InputError, match="no model or responder 'blent' in this run; did you mean 'blend'"):
        recommender.recommend(users=["u1"], responder="blent")
