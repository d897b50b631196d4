"""Words of events: read by role, cleaned, aligned with the events whatever the order, on disk, and out of the way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from data_toys import frames, log, made, read, refused, steps, written

from p5rec.core.errors import InputError
from p5rec.data import event_texts, storage
from p5rec.data.dataset import Dataset
from p5rec.data.event_texts import TextColumn
from p5rec.data.features import Kind
from p5rec.data.filters.min_label import MinLabel
from p5rec.data.schema import ColumnSchema, Role, Schema
from p5rec.data.sources.amazon import Amazon
from p5rec.data.splits.random import Random


def reviewed(**columns: str) -> pl.DataFrame:
    """Steps whose review says which user, item and time it is about."""
    said = pl.concat_str("user_id", "item_id", "timestamp", separator=" ")
    return steps().with_columns(said.alias("review"), ("about " + said).alias("headline")).rename(columns)


def told(dataset: Dataset, name: str = "review") -> list[str | None]:
    return dataset.text(name, np.arange(len(dataset.events["item"])))


def expected(dataset: Dataset) -> list[str]:
    user = np.repeat(np.arange(dataset.n_users), dataset.bounds[:, -1] - dataset.bounds[:, 0])
    keys = zip(dataset.users.keys(user), dataset.items.keys(dataset.events["item"]), strict=True)
    return [f"{u} {i} {t}" for (u, i), t in zip(keys, dataset.events["time"], strict=True)]


@pytest.mark.parametrize("seed", [0, 1])
def test_texts_follow_their_events(tmp_path: Path, seed: int) -> None:
    frame = reviewed().sample(fraction=1, shuffle=True, seed=seed)
    split = Random(Random.Config(valid=0.2, test=0.2))
    dataset = made(frames(frame), split, [MinLabel(MinLabel.Config(lowest=2))], seed=seed)
    assert 0 < len(dataset.events["item"]) < len(frame)
    assert told(dataset) == expected(dataset)
    assert told(dataset, "headline") == [f"about {text}" for text in expected(dataset)]
    storage.save(dataset, tmp_path / "d")
    again = storage.load(tmp_path / "d")
    assert told(again) == expected(dataset)
    assert isinstance(again.texts["review"].data, np.memmap)
    assert again.text("review", np.array([-1, 0])) == [None, expected(dataset)[0]]


def test_texts_are_cleaned_and_the_empty_are_missing() -> None:
    texts = ["  good &amp; loud \n", "", None, "   ", "caf\xe9 &quot;x&quot;"]
    rows = [("u", f"i{n}", 1.0, n) for n in range(5)] + [("v", f"i{n}", 1.0, n) for n in range(5)]
    dataset = made(frames(log(rows).with_columns(review=pl.Series(texts * 2))))
    assert told(dataset) == ["good & loud", None, None, None, 'caf\xe9 "x"'] * 2
    assert dataset.texts["review"].known.tolist() == [True, False, False, False, True] * 2
    assert dataset.facts["texts"] == {"review": {"count": 4, "words": 2.5}}
    assert dataset.describe()["texts"] == "4 review of 2 words"


@pytest.mark.parametrize(
    ("review", "headline"), [("reviewText", "summary"), ("text", "title"), ("body", "review_title"), ("Comment", "x")]
)
def test_usual_names_are_recognised_and_told_by_one(review: str, headline: str) -> None:
    tables = frames(reviewed(review=review, headline=headline))
    roles = {name: column.role for name, column in tables.schema.events.items()}
    assert roles[review] == Role.TEXT
    assert roles[headline] == (Role.IGNORE if headline == "x" else Role.TEXT)
    dataset = made(tables)
    assert told(dataset) == expected(dataset)
    assert list(dataset.texts) == ["review"] + ["headline"] * (headline != "x")


def test_a_text_that_describes_the_item_is_not_taken_for_a_review() -> None:
    frame = steps().with_columns(("A film called " + pl.col("item_id")).alias("text"), title=pl.col("item_id"))
    assert made(frames(frame)).texts == {}
    alone = steps().with_columns(title="t " + pl.col("timestamp").cast(pl.String))
    assert made(frames(alone)).texts == {}


def test_texts_can_be_named(tmp_path: Path) -> None:
    frame = reviewed(review="said", headline="shout")
    path = written(tmp_path, frame.write_csv())
    dataset = made(read(path, text=["said", "shout"]))
    assert list(dataset.texts) == ["said", "shout"]
    assert told(dataset, "said") == expected(dataset)
    with pytest.raises(InputError, match=r"the events of this data have no texts called 'sayd'; did you mean 'said'\?"):
        dataset.text("sayd", np.array([0]))


def test_text_is_of_kind_text(tmp_path: Path) -> None:
    keys = {role: ColumnSchema(kind=Kind.ID, role=Role(role)) for role in ("user", "item")}
    words = ColumnSchema(kind=Kind.CATEGORY, role=Role.TEXT)
    Schema(events=keys | {"said": words, "more": words.model_copy(update={"kind": Kind.TEXT})}).save(tmp_path / "s")
    path = written(tmp_path, "user,item,said,more\nu,i,x,y\n")
    assert refused(path, schema=str(tmp_path / "s")) == [
        f"{tmp_path / 's'}: the column 'said' has the role text and is of kind category; say text"
    ]


def test_texts_change_the_fingerprint_and_nothing_else(tmp_path: Path) -> None:
    found = []
    for name, texts in (("a", ["x"]), ("b", ["y"]), ("none", None)):
        frame = steps() if texts is None else steps().with_columns(review=pl.Series(texts * 30) + pl.col("item_id"))
        storage.save(made(frames(frame)), tmp_path / name)
        found.append(storage.load(tmp_path / name))
    assert len({dataset.facts["fingerprint"] for dataset in found}) == 3
    for dataset in found[1:]:
        assert all(np.array_equal(values, dataset.events[name]) for name, values in found[0].events.items())
    assert found[2].texts == {}
    assert not (tmp_path / "none" / "texts").exists()
    assert "texts" not in json.loads((tmp_path / "none" / "dataset.json").read_text())


def test_grown_and_merged_keep_their_texts(tmp_path: Path) -> None:
    dataset = made(frames(reviewed()))
    grown = storage.grow(dataset.merged(), users=["new"], items=[{"item_id": "n"}])
    assert told(grown) == told(dataset)
    storage.save(grown, tmp_path / "d")
    assert told(storage.load(tmp_path / "d")) == told(dataset)


EDITIONS = {
    2014: {"reviewerID": "user", "asin": "item", "overall": 5, "unixReviewTime": 1, "reviewText": 0, "summary": 0},
    2018: {"reviewerID": "user", "asin": "item", "overall": 5, "unixReviewTime": 1, "reviewText": 0, "summary": 0},
    2023: {"user_id": "user", "parent_asin": "item", "rating": 5, "timestamp": 1, "text": 0, "title": 0},
}


@pytest.mark.parametrize("edition", EDITIONS)
def test_amazon_reviews_of_every_edition(tmp_path: Path, edition: int) -> None:
    user, item, label, time, text, title = EDITIONS[edition]
    rows = [
        {user: "u", item: f"i{n}", label: 5.0, time: 1_300_000_000 + n, text: f"It&#39;s<br />no {n}", title: f"T {n}"}
        for n in range(4)
    ]
    rows[2].pop(text)
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = made(Amazon(Amazon.Config(path=str(path))).read())
    assert told(dataset) == ["It's no 0", "It's no 1", None, "It's no 3"]
    assert told(dataset, "headline") == ["T 0", "T 1", "T 2", "T 3"]
    assert made(Amazon(Amazon.Config(path=str(path), texts=False)).read()).texts == {}


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_columns_on_disk(tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_texts, "BATCH", batch)
    texts = ["a", None, "", "äöü", "long " * 50, None]
    column = TextColumn.of(texts)
    for each in (column, column.at(np.array([4, 0, 3])).at(np.array([2, 0]))):
        event_texts.write(each.batches(), tmp_path / "c")
        again = event_texts.opened(tmp_path / "c")
        assert [text for part in again.batches() for text in part] == each.take(np.arange(len(each)))
        assert len(again) == len(each)
    event_texts.write(TextColumn.of([None, None]).batches(), tmp_path / "e")
    assert event_texts.opened(tmp_path / "e").take(np.array([1, 0])) == [None, None]
    assert TextColumn.of([]).facts() == {"count": 0, "words": 0.0}


def test_shared_instruments_have_their_words() -> None:
    folder = Path(os.environ.get("P5REC_SHARED", Path(__file__).parents[3] / "shared" / "data")) / "amazon-instruments"
    if not folder.is_dir():
        pytest.skip("the shared benchmark data is not here (set P5REC_SHARED)")
    dataset = made(Amazon(Amazon.Config(path=str(folder / "reviews.jsonl.gz"))).read(), words=0, phrases=0)
    facts = dataset.facts["texts"]
    assert facts["headline"]["count"] == 10_261
    assert facts["review"]["count"] == 10_254
    assert 80 < facts["review"]["words"] < 100
