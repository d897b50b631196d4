"""Several data sets as one: ids apart, columns under common names, order and words kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from data_toys import frames, log, made, steps, written

from p5rec.commands import page as pages
from p5rec.commands import prepare as prepare_stage
from p5rec.core.errors import InputError
from p5rec.data.dataset import Dataset
from p5rec.data.events import Part
from p5rec.data.features import Kind
from p5rec.data.sources.amazon import Amazon
from p5rec.data.sources.frame import Frame
from p5rec.data.sources.joined import Joined
from p5rec.data.sources.sequences import Sequences
from p5rec.data.stages import Source


def frame(events: pl.DataFrame, **settings: object) -> Frame:
    return Frame(Frame.Config(events=events, **settings))


def join(**inner: Source) -> Dataset:
    return made(Joined(Joined.Config(), inner).read())


def history(dataset: Dataset, user: str) -> list[str]:
    row = dataset.bounds[dataset.users.number(user)]
    return dataset.items.keys(dataset.events["item"][row[Part.TRAIN] : row[-1]])


def test_ids_are_kept_apart_and_histories_are_the_same() -> None:
    both = join(a=frame(steps()), b=frame(steps(users=3)))
    assert (both.n_users, both.n_items) == (9, 14)
    for name, alone in (("a", made(frames(steps()))), ("b", made(frames(steps(users=3))))):
        for user in alone.users.all().to_pylist():
            assert history(both, f"{name}/{user}") == [f"{name}/{item}" for item in history(alone, user)]
    assert both.facts["time"] == made(frames(steps())).facts["time"]
    assert both.facts["source"]["name"] == "joined (a, b)"


def test_numbers_of_ids_are_text_once_prefixed() -> None:
    numbered = steps().with_columns(pl.col("user_id").str.slice(1).cast(pl.Int64))
    assert join(a=frame(numbered)).users.number("a/3") >= 0


def test_item_tables_meet_under_common_names() -> None:
    films = pl.DataFrame({"item_id": ["i0", "i1"], "movie_title": ["Up &amp; Away", "Low"], "genre": ["Drama", None]})
    films = films.with_columns(price=pl.Series(["3", "x-ray"]))
    books = pl.DataFrame({"item_id": ["i0", "i9"], "text": ["Tea", "Ink"], "categories": [[["a"], ["b", "c"]], []]})
    books = books.with_columns(price=pl.Series([1.5, None]), pages=pl.Series([10, 20]))
    both = join(films=frame(steps(), items=films), books=frame(steps(), items=books))
    columns = both.item_features.columns
    assert {name: column.kind for name, column in columns.items()} == {
        "title": Kind.TEXT,
        "categories": Kind.LIST,
        "price": Kind.TEXT,
        "pages": Kind.NUMBER,
    }
    rows = [both.items.number(key) for key in ("films/i0", "books/i0", "books/i9", "films/i5")]
    assert [both.titles[row] for row in rows] == ["Up & Away", "Tea", "Ink", "films/i5"]
    found = [[columns["categories"].levels[level] for level in columns["categories"].values[row]] for row in rows]
    assert [sorted(levels) for levels in found] == [["Drama"], ["a", "b", "c"], [], []]
    assert [columns["price"].values[row] for row in rows] == ["3", "1.5", None, None]
    assert np.isnan(columns["pages"].values[rows[0]])


def test_vectors_of_different_width_do_not_meet() -> None:
    sets = {
        f"d{width}": frame(steps(), items=pl.DataFrame({"item_id": ["i0"], "v": [[0.5] * width]})) for width in (2, 3)
    }
    with pytest.raises(InputError, match="the vectors 'v' have 2 and 3 numbers in different data sets"):
        join(**sets)
    assert join(a=sets["d2"], b=sets["d2"]).item_features.columns["v"].values.shape == (14, 2)


def test_users_join_too() -> None:
    users = pl.DataFrame({"user_id": ["u0", "u1"], "age": ["20", "30"], "born": ["2000-01-31", None]})
    both = join(a=frame(steps(), users=users), b=frame(steps()))
    age, born = both.user_features.columns["age"], both.user_features.columns["born"]
    assert age.values[both.users.number("a/u1")] * age.scale[1] + age.scale[0] == pytest.approx(30)
    assert np.isnan(age.values[both.users.number("b/u1")])
    assert born.values[both.users.number("a/u0")] == 949_276_800


def test_labels_come_to_the_scale_of_the_first() -> None:
    tenfold = steps().with_columns(pl.col("rating") * 2.5 - 2.5)  # 1 to 5 → 0 to 10
    both = join(a=frame(steps()), b=frame(tenfold))
    assert both.facts["label_scale"] == [1.0, 5.0]
    labels = both.events["label"]
    for user in range(6):
        a, b = (both.bounds[both.users.number(f"{name}/u{user}")] for name in "ab")
        assert np.allclose(labels[a[0] : a[-1]], labels[b[0] : b[-1]])


def test_what_not_all_have_is_left_out_or_missing() -> None:
    rich = steps().with_columns(pl.lit("x").alias("device"), heat=pl.Series(range(30)), event=pl.lit("buy"))
    poor = steps().drop("rating").with_columns(heat=pl.lit("warm"), event=pl.lit("view"))
    sets = {
        "a": frame(rich, context=["device", "heat"]),
        "b": frame(poor, context=["heat"]),
        "c": frame(steps().drop("rating")),
    }
    both = join(**sets)
    assert both.facts["label"] is None
    assert set(both.kinds) == {"buy", "view", "event"}
    assert both.kinds[both.target] == "buy"
    assert both.facts["context"]["heat"]["kind"] == "category"
    assert "warm" in both.facts["context"]["heat"]["levels"]
    row = both.bounds[both.users.number("c/u0")]
    assert both.events["device"][row[0] : row[-1]].tolist() == [0] * 5


def test_words_follow_their_events() -> None:
    said = pl.concat_str("user_id", "item_id", separator=" ")
    one = steps().with_columns(said.alias("reviewText"), summary="h " + said)
    two = steps().with_columns(said.alias("text")).sample(fraction=1, shuffle=True, seed=0)
    both = join(a=frame(one), b=frame(two), c=frame(steps()))
    assert list(both.texts) == ["review", "headline"]
    for name in "abc":
        for user in ("u0", "u5"):
            row = both.bounds[both.users.number(f"{name}/{user}")]
            places = np.arange(row[0], row[-1])
            items = both.items.keys(both.events["item"][places])
            told = [None if name == "c" else f"{user} {item[2:]}" for item in items]
            assert both.text("review", places) == told
            assert both.text("headline", places) == [f"h {one}" if name == "a" else None for one in told]


def test_reviews_in_a_file_join_sequences(tmp_path: Path) -> None:
    rows = [
        {
            "reviewerID": f"u{n % 5}",
            "asin": f"i{n}",
            "overall": 4,
            "unixReviewTime": 9 - n // 5,
            "reviewText": f"no {n}",
        }
        for n in range(40)
    ]
    path = written(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "r.jsonl")
    lines = "".join(f"u{n} a b c d\n" for n in range(1500))
    sequences = Sequences(Sequences.Config(path=written(tmp_path, lines, "s.txt")))
    both = join(s=sequences, r=Amazon(Amazon.Config(path=path)))
    assert history(both, "r/u1") == [f"r/i{n}" for n in (36, 31, 26, 21, 16, 11, 6, 1)]
    row = both.bounds[both.users.number("r/u1")]
    assert both.text("review", np.arange(row[0], row[-1])) == [f"no {n}" for n in (36, 31, 26, 21, 16, 11, 6, 1)]
    assert both.facts["texts"]["review"]["count"] == 40


def test_sequences_and_logs_with_times_keep_their_order(tmp_path: Path) -> None:
    path = written(tmp_path, "u0 c a b d\nu1 d c b a\n", "s.txt")
    said = steps().with_columns(review=pl.concat_str("user_id", "item_id", separator=" "))
    timed = said.sample(fraction=1, shuffle=True, seed=3)
    both = join(s=Sequences(Sequences.Config(path=path)), t=frame(timed))
    assert history(both, "s/u0") == ["s/c", "s/a", "s/b", "s/d"]
    assert history(both, "t/u2") == [f"t/{item}" for item in history(made(frames(timed)), "u2")]
    row = both.bounds[both.users.number("t/u2")]
    assert both.text("review", np.arange(row[0], row[0] + 1)) == [f"u2 {history(both, 't/u2')[0][2:]}"]
    assert both.facts["time"] is None


def test_times_of_different_units_meet() -> None:
    milli = steps().with_columns(pl.col("timestamp") * 1000 + 1)
    dates = steps().with_columns(pl.from_epoch("timestamp").dt.strftime("%Y-%m-%d %H:%M:%S"))
    both = join(a=frame(steps()), b=frame(milli), c=frame(dates))
    assert both.facts["time"] == made(frames(steps())).facts["time"]


def test_faults_name_their_file_and_row(tmp_path: Path) -> None:
    bad = log([("u", "i", 1.0, 5), ("u", "j", 9.0, 6)]).with_columns(pl.Series("rating", ["3", "dear"]))
    with pytest.raises(InputError, match=r"event frame: row 2, column 'rating': found 'dear', expected a number"):
        join(a=frame(steps()), b=frame(bad))


def page(tmp_path: Path, **of: object) -> dict[str, object]:
    for name in ("one", "two"):
        written(tmp_path, steps().write_csv(), f"{name}.csv")
    written(tmp_path, "".join(json.dumps({"item_id": f"i{n}", "title": f"T{n}"}) + "\n" for n in range(7)), "i.jsonl")
    one = {"path": str(tmp_path / "one.csv"), "items": str(tmp_path / "i.jsonl")}
    two = {"path": str(tmp_path / "two.csv"), "source": "table", "user": "user_id"}
    return {"data": {"source": {"name": "joined", "of": {"one": one, "two": two, **of}}}, "model": {"popular": {}}}


def test_a_page_joins_data_sets(tmp_path: Path) -> None:
    read = pages.read(page(tmp_path))
    assert {name: chosen.name for name, chosen in read.inner.items()} == {"one": "table", "two": "table"}
    dataset = prepare_stage.run(read, tmp_path / "out")
    assert dataset.n_users == 12
    assert "T3" in dataset.titles
    assert prepare_stage.fingerprint(read) == (tmp_path / "out" / "made_by.txt").read_text()
    written(tmp_path, steps(users=3).write_csv(), "two.csv")
    assert prepare_stage.fingerprint(read) != (tmp_path / "out" / "made_by.txt").read_text()
    assert pages.read(page(tmp_path), ["data.source.of.two.label=rating"]).inner["two"].config.label == "rating"


def test_a_page_is_read_again_when_its_data_is_gone(tmp_path: Path) -> None:
    text = pages.read(page(tmp_path)).text()
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / "page.toml").write_text(text)
    assert pages.read(str(tmp_path / "page.toml")).inner["one"].name == "table"
    assert ("source", "table") in pages.read(str(tmp_path / "page.toml")).plugs


def test_faults_of_a_page_that_joins(tmp_path: Path) -> None:
    values = page(tmp_path, three=3, four={"source": "joined"}, five={}, six={"source": "table", "paht": "x"})
    with pytest.raises(InputError) as caught:
        pages.read(values)
    told = "\n".join(caught.value.faults)
    assert "data.source.of.three: found 3, expected a table with the path of a data set" in told
    assert "data.source.of.four: a source that joins others cannot stand inside of one" in told
    assert "data.source.of.five.path: this page needs the path of your data" in told
    assert "data.source.of.six.paht: there is no such setting; did you mean 'path'?" in told
    with pytest.raises(InputError, match=r"data\.source\.of: there is no data set to join; add a table for each"):
        pages.read({"data": {"source": "joined"}})
    with pytest.raises(InputError, match=r"data\.source\.of: 'table' reads one data set; name the source that joins"):
        pages.read({"data": {"source": {"name": "table", "path": "x.csv", "of": {"a": {}}}}})


def test_links_are_of_one_data_set(tmp_path: Path) -> None:
    (tmp_path / "friends.csv").write_text("a,b\nu0,u1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"data\.source\.of\.b: links .* cannot be joined"):
        join(a=frame(steps()), b=frame(steps(), user_links={"friends": str(tmp_path / "friends.csv")}))
