"""Sources read what they promise, in every format, to the same dataset."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from data_toys import frames, made, names, read, steps, written

from p5rec.core.errors import InputError
from p5rec.data.dataset import Dataset
from p5rec.data.events import Part
from p5rec.data.features import Kind
from p5rec.data.guess import guess
from p5rec.data.read import collect, scan
from p5rec.data.schema import Role
from p5rec.data.sources.amazon import Amazon
from p5rec.data.sources.atomic import Atomic
from p5rec.data.sources.frame import Frame
from p5rec.data.sources.movielens import Movielens
from p5rec.data.sources.sequences import Sequences
from p5rec.data.sources.texts import Texts
from p5rec.data.splits.given import Given
from p5rec.data.splits.random import Random


def same(one: Dataset, other: Dataset) -> bool:
    columns = all(np.array_equal(values, other.events[name]) for name, values in one.events.items())
    return columns and one.users.all() == other.users.all() and one.items.all() == other.items.all()


@pytest.mark.parametrize("name", ["e.csv", "e.tsv", "e.parquet", "e.jsonl", "e.csv.gz", "e.jsonl.gz", "plain"])
def test_every_format_is_the_same_data(tmp_path: Path, name: str) -> None:
    frame = steps().sample(fraction=1, shuffle=True, seed=1)
    path = tmp_path / name
    if "parquet" in name:
        frame.write_parquet(path)
    elif "jsonl" in name:
        text = "".join(json.dumps(row) + "\n" for row in frame.iter_rows(named=True)).encode()
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    else:
        text = frame.write_csv(separator="\t" if "tsv" in name else ",").encode()
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    assert same(made(read(str(path))), made(frames(steps())))


def test_whole_number_ids_are_the_same_in_text_and_binary(tmp_path: Path) -> None:
    frame = steps(users=12).with_columns(pl.col("user_id", "item_id").str.slice(1).cast(pl.Int64))
    frame.write_csv(tmp_path / "e.csv")
    floats = frame.with_columns(pl.col("user_id").cast(pl.Float64))
    one = made(read(str(tmp_path / "e.csv")))
    assert same(one, made(frames(frame)))
    assert same(one, made(frames(floats)))
    far = made(frames(frame.with_columns(pl.col("item_id") * 10**12)))
    assert far.n_items == one.n_items


def test_several_files_and_folders(tmp_path: Path) -> None:
    frame = steps()
    for number in range(3):
        frame[10 * number : 10 * number + 10].write_csv(tmp_path / f"part{number}.csv")
    assert same(made(read(str(tmp_path / "part*.csv"))), made(frames(frame)))
    assert same(made(read(str(tmp_path))), made(frames(frame)))
    (tmp_path / "more.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="these files have several formats"):
        read(str(tmp_path))


def test_pandas_polars_and_lazy_frames() -> None:
    frame = steps()
    for given in (frame.to_pandas(), frame.lazy(), pd.DataFrame(frame.to_dict(as_series=False))):
        assert same(made(Frame(Frame.Config(events=given)).read()), made(frames(frame)))


def test_users_and_items_of_their_own_tables(tmp_path: Path) -> None:
    events = written(tmp_path, steps().write_csv())
    users = written(tmp_path, "user_id,age,plan\n" + "".join(f"u{n},{20 + n},gold\n" for n in range(6)), "users.csv")
    items = written(
        tmp_path,
        "".join(
            json.dumps({"item_id": f"i{n}", "title": f"T{n}", "tags": ["a", f"t{n % 2}"]}) + "\n" for n in range(7)
        ),
        "items.jsonl",
    )
    dataset = made(read(events, users=users, items=items))
    assert {name: column.kind for name, column in dataset.item_features.columns.items()} == {
        "title": Kind.TEXT,
        "tags": Kind.LIST,
    }
    assert dataset.user_features.columns["plan"].levels == ("gold",)
    assert dataset.titles == [f"T{key[1:]}" for key in dataset.items.all().to_pylist()]


def test_files_are_looked_for_beside_the_item_table(tmp_path: Path) -> None:
    events = written(tmp_path, steps().write_csv())
    (tmp_path / "pictures").mkdir()
    here = written(tmp_path / "pictures", b"", "0.png")
    rows = "".join(f"i{n},pictures/{n}.png\n" for n in range(7))
    items = written(tmp_path, "item_id,picture\n" + rows, "items.csv")
    dataset = made(read(events, items=items))
    told = dict(zip(dataset.items.all().to_pylist(), dataset.item_features.columns["picture"].values, strict=True))
    assert told["i0"] == here
    assert told["i1"] == "pictures/1.png"


def test_odd_names_can_be_said(tmp_path: Path) -> None:
    frame = steps().rename({"user_id": "who", "item_id": "what", "rating": "liking", "timestamp": "moment"})
    path = written(tmp_path, frame.with_columns(pl.lit("x").alias("device")).write_csv())
    tables = read(path, user="who", item="what", label="liking", time="moment", ignore=["device"])
    assert same(made(tables), made(frames(steps())))


def test_usual_names_are_recognised() -> None:
    for user, item, label, time in (
        ("userId", "movieId", "rating", "timestamp"),
        ("reviewerID", "asin", "overall", "unixReviewTime"),
        ("user_id", "parent_asin", "rating", "timestamp"),
        ("uid", "product_id", "stars", "ts"),
        ("visitorid", "itemid", "score", "date"),
    ):
        frame = steps().rename({"user_id": user, "item_id": item, "rating": label, "timestamp": time})
        schema = frames(frame).schema
        found = [schema.column(role) for role in (Role.USER, Role.ITEM, Role.LABEL, Role.TIME)]
        assert found == [user, item, label, time]


def test_columns_without_names_are_told_by_content() -> None:
    frame = steps(users=40).rename({"user_id": "a", "item_id": "b"})
    wide = frame.with_columns(b=pl.int_range(pl.len()) * 7 % 100)
    schema = frames(wide).schema
    assert (schema.column(Role.USER), schema.column(Role.ITEM)) == ("a", "b")


AMAZON = {
    2014: ("reviewerID", "asin", "overall", "unixReviewTime", 1),
    2018: ("reviewerID", "asin", "overall", "unixReviewTime", 1),
    2023: ("user_id", "parent_asin", "rating", "timestamp", 1000),
}
META = {
    2014: "{'asin': 'i%d', 'title': 'T%d', 'categories': [['A', 'B &amp; C']], 'price': 3.5, 'salesRank': {'A': 1}}",
    2018: '{"asin": "i%d", "title": "T%d", "category": ["A", "B &amp; C"], "price": "$3.50", "rank": "1 in A"}',
    2023: '{"parent_asin": "i%d", "title": "T%d", "categories": ["A", "B & C"], "price": 3.5, "average_rating": 4.9}',
}


@pytest.mark.parametrize("year", list(AMAZON))
def test_amazon_of_every_year(tmp_path: Path, year: int) -> None:
    user, item, label, time, per = AMAZON[year]
    rows = [
        {user: u, item: i, label: r, time: t * per, "reviewText": "words", "verified": True}
        for u, i, r, t in steps().iter_rows()
    ]
    path = written(tmp_path, gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()), "r.json.gz")
    meta = written(tmp_path, "".join(META[year] % (n, n) + "\n" for n in range(8)), "meta.json")
    dataset = made(Amazon(Amazon.Config(path=path, items=meta)).read())
    assert names(dataset, "u0", Part.TEST) == ["i4"]
    assert dataset.facts["time"]["first"] == "2001-09-09 01:46:40"
    assert dataset.n_items == 8
    columns = dataset.item_features.columns
    assert set(columns) == {"title", "categories", "price"}
    assert columns["categories"].levels == ("A", "B & C", "(rare)")[:2]
    assert dataset.titles[dataset.items.number("i7")] == "T7"
    assert columns["price"].scale[0] == 3.5
    assert guess(path) == "amazon"


def test_amazon_without_its_fields(tmp_path: Path) -> None:
    path = written(tmp_path, '{"asin": "a", "who": "b"}\n', "r.jsonl")
    with pytest.raises(InputError) as caught:
        Amazon(Amazon.Config(path=path)).read()
    assert caught.value.faults[0] == (
        f"{path}: there is no field for the user; expected user_id or reviewerID, found asin, who"
    )
    assert len(caught.value.faults) == 3


def atomic(folder: Path) -> Path:
    rows = "".join(f"{u}\t{i}\t{r:g}\t{t}\n" for u, i, r, t in steps().iter_rows())
    (folder / "toy.inter").write_text("user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + rows)
    films = "".join(f"i{n}\tFilm {n}\t{1990 + n}\tDrama War\n" for n in range(7))
    (folder / "toy.item").write_text(
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n" + films
    )
    (folder / "toy.user").write_text("user_id:token\tage:float\tgender:token\n" + "u0\t30\tF\nu1\t40\tM\n")
    return folder


def test_atomic_files(tmp_path: Path) -> None:
    folder = atomic(tmp_path)
    dataset = made(Atomic(Atomic.Config(path=str(folder))).read())
    assert same(dataset, made(frames(steps())))
    kinds = {name: str(column.kind) for name, column in dataset.item_features.columns.items()}
    assert kinds == {"movie_title": "text", "release_year": "category", "class": "list"}
    assert dataset.item_features.columns["class"].levels == ("Drama", "War")
    assert dataset.titles[0].startswith("Film ")
    assert guess(folder) == guess(folder / "toy.inter") == "atomic"


def test_atomic_faults(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found 0 .inter files, expected one"):
        Atomic(Atomic.Config(path=str(tmp_path))).read()
    (tmp_path / "x.inter").write_text("user_id:token\titem_id:tokn\nu\ti\n")
    with pytest.raises(InputError, match=r"column 'item_id:tokn' has no known type.*did you mean 'token'\?"):
        Atomic(Atomic.Config(path=str(tmp_path))).read()


def film_folder(folder: Path, edition: str) -> Path:
    rows = [(u[1:], str(int(i[1:]) + 1), int(r), t) for u, i, r, t in steps().iter_rows()]
    if edition == "100k":
        (folder / "u.data").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
        flags = "|".join(["0"] * 8 + ["1"] + ["0"] * 10)
        films = "".join(f"{n}|Caf\xe9 {n}, The (199{n})|01-Jan-1995||http://x|{flags}\n" for n in range(1, 8))
        (folder / "u.item").write_bytes(films.encode("latin-1"))
        (folder / "u.user").write_text("".join(f"{n}|3{n}|F|writer|12345\n" for n in range(6)))
    elif edition == "1m":
        (folder / "ratings.dat").write_text("".join("::".join(map(str, row)) + "\n" for row in rows))
        films = "".join(f"{n}::Caf\xe9 {n}, The (199{n})::Drama|War: Cold\n" for n in range(1, 8))
        (folder / "movies.dat").write_bytes(films.encode("latin-1"))
        (folder / "users.dat").write_text("".join(f"{n}::F::3{n}::20::12345\n" for n in range(6)))
    else:
        (folder / "ratings.csv").write_text(
            "userId,movieId,rating,timestamp\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
        )
        films = "".join(f'{n},"Café {n}, The (199{n})",Drama|War\n' for n in range(1, 8))
        (folder / "movies.csv").write_text("movieId,title,genres\n" + films)
    return folder


@pytest.mark.parametrize("edition", ["100k", "1m", "latest"])
def test_movielens_of_every_edition(tmp_path: Path, edition: str) -> None:
    folder = film_folder(tmp_path, edition)
    dataset = made(Movielens(Movielens.Config(path=str(folder))).read())
    assert names(dataset, "0", Part.TEST) == ["5"]
    film = dataset.items.number("3")
    assert dataset.titles[film] == "The Café 3"
    year = dataset.item_features.columns["year"]
    assert year.values[film] * year.scale[1] + year.scale[0] == pytest.approx(1993)
    assert "Drama" in dataset.item_features.columns["genres"].levels
    assert ("occupation" in dataset.user_features.columns) == (edition != "latest")
    assert dataset.facts["label_scale"] == [0.5 if edition == "latest" else 1.0, 5.0]
    assert guess(folder) == "movielens"
    if edition == "100k":
        assert guess(folder / "u.data") == "movielens"
        assert same(made(Movielens(Movielens.Config(path=str(folder / "u.data"))).read()), dataset)


def test_movielens_folder_without_films(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no MovieLens edition found"):
        Movielens(Movielens.Config(path=str(tmp_path))).read()
    (tmp_path / "u.data").write_text("1\t1\t5\t881250949\n")
    (tmp_path / "u.user").write_text("1|24|M\n")
    with pytest.raises(InputError, match=r"u.user: row 1 has 3 fields, expected 5 between '\|'"):
        Movielens(Movielens.Config(path=str(tmp_path))).read()


def test_sequences_are_guessed_and_read(tmp_path: Path) -> None:
    path = written(tmp_path, 'u1 a b c\nu2\tc  "d a b\n\n', "s.txt")
    assert guess(path) == "sequences"
    dataset = made(Sequences(Sequences.Config(path=path)).read())
    assert names(dataset, "u2", Part.TRAIN) == ["c", '"d']


def test_tables_are_guessed(tmp_path: Path) -> None:
    assert guess(written(tmp_path, steps().write_csv(), "a.csv")) == "table"
    assert guess(written(tmp_path, '{"user": 1, "item": 2}\n', "a.jsonl")) == "table"
    assert guess(written(tmp_path, "user item\na b\nc d\n", "a.txt")) == "table"


def test_shared_artists_with_vectors() -> None:
    folder = Path(os.environ.get("P5REC_SHARED", Path(__file__).parents[3] / "shared" / "data")) / "lfm-2k"
    if not folder.is_dir():
        pytest.skip("the shared benchmark data is not here (set P5REC_SHARED)")
    vectors = {"text": str(folder / "text_minilm.npy"), "audio": str(folder / "audio_vggish.npy")}
    dataset = made(
        read(str(folder / "events.csv"), items=str(folder / "items.jsonl"), item_vectors=vectors), Given(Given.Config())
    )
    first = json.loads((folder / "items.jsonl").read_text().splitlines()[0])["item_id"]
    values = dataset.item_features.columns["text"].values
    assert np.allclose(values[dataset.items.number(first)], np.load(folder / "text_minilm.npy")[0])
    assert dataset.item_features.columns["audio"].kind == Kind.VECTOR


def test_vectors_need_an_item_table(tmp_path: Path) -> None:
    events = written(tmp_path, steps().write_csv())
    with pytest.raises(InputError, match="item_vectors: vectors stand in the order of the item table"):
        read(events, item_vectors={"v": str(tmp_path / "v.npy")})


def test_padded_and_plain_numbers_are_different_ids(tmp_path: Path) -> None:
    rows = "".join(f"7,{n},{n}\n" for n in range(1100)) + "".join(f"007,{n},{n}\n" for n in range(5))
    dataset = made(read(written(tmp_path, "user_id,item_id,timestamp\n" + rows)))
    assert sorted(dataset.users.all().to_pylist()) == ["007", "7"]


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf", b""])
def test_marks_and_line_ends_of_other_systems(tmp_path: Path, text: bytes) -> None:
    path = written(tmp_path, text + steps().write_csv(line_terminator="\r\n", separator=";").encode())
    assert same(made(read(path)), made(frames(steps())))


def test_huge_ids_and_pandas_types() -> None:
    huge = steps().with_columns(user_id=pl.lit(2**63 + 5, dtype=pl.UInt64), timestamp=pl.int_range(pl.len()))
    assert made(frames(huge)).users.key(0) == str(2**63 + 5)
    frame = steps().to_pandas()
    frame["user_id"] = frame["user_id"].astype("category")
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], unit="s")
    assert same(made(frames(frame)), made(frames(steps())))


def texts(path: str, **settings: Any) -> Dataset:
    return made(Texts(Texts.Config(path=path, **settings)).read(), Random(Random.Config()))


def test_each_text_is_an_item_of_its_own(tmp_path: Path) -> None:
    """Of people where the table names them; a row without a number is words alone; the headline comes first."""
    rows = [{"reviewText": f"word{n % 3} again", "summary": "well", "overall": n % 5 or None} for n in range(40)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    dataset = texts(written(tmp_path, lines, "r.jsonl"))
    assert (dataset.n_items, dataset.n_users, len(dataset.events["item"])) == (40, 32, 32)
    assert list(dataset.item_features.columns) == ["headline", "review"]
    row = dataset.items.number("text 3")
    assert dataset.item_features.columns["review"].values[row] == "word2 again"
    place = int(np.flatnonzero(dataset.events["item"] == row)[0])
    assert dataset.events["label"][place] == 2
    authors = "author,words,mark\n" + "".join(f"a{n % 4},some text {n},{n % 5}\n" for n in range(20))
    path = written(tmp_path, authors, "a.csv")
    assert texts(path, text=["words"], label="mark").n_users == 20
    assert (
        texts(written(tmp_path, authors.replace("author", "user"), "u.csv"), text=["words"], label="mark").n_users == 4
    )


def test_a_share_of_the_labels(tmp_path: Path) -> None:
    path = written(tmp_path, "text,stars\n" + "".join(f"some text {n},{n % 5}\n" for n in range(200)))
    dataset = texts(path, labelled=0.2)
    assert dataset.n_items == 200
    assert len(dataset.events["item"]) == pytest.approx(40, abs=1)


def test_tables_without_words_or_numbers_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, "colour,size\nred,3\n")
    with pytest.raises(InputError) as caught:
        texts(path)
    assert [fault.split(": ")[1] for fault in caught.value.faults] == [
        "no column of words was recognised; say data.source.text=[COLUMN]",
        "no column of numbers was recognised; say data.source.label=COLUMN",
    ]
    with pytest.raises(InputError, match="there is no column 'shade'; it has: colour, size"):
        texts(path, text=["shade"], label="size")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_name_of_a_file_is_no_pattern(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "of [2024]*" / f"events?.{ending}"
    path.parent.mkdir()
    frame = pl.DataFrame({"user_id": ["u"], "item_id": ["i"]})
    {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}[ending](path)
    assert collect(scan(path).frame, "events").rows() == [("u", "i")]
