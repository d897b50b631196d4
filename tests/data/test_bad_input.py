"""Every kind of bad input gets one clear sentence: file, row or column, value, expectation."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from data_toys import HEAD, frames, made, read, refused, steps, written

from p5rec.core.errors import InputError
from p5rec.data.builder import prepare
from p5rec.data.dataset import facts_of
from p5rec.data.filters.bad_rows import BadRows
from p5rec.data.sources.amazon import Amazon
from p5rec.data.sources.frame import Frame
from p5rec.data.sources.sequences import Sequences
from p5rec.data.splits.leave_one_out import LeaveOneOut

GOOD = "".join(f"u{n % 3},i{n},{n % 5 + 1},{1_000_000_000 + n}\n" for n in range(30))


def test_missing_file(tmp_path: Path) -> None:
    assert refused(str(tmp_path / "none.csv")) == [f"{tmp_path}/none.csv: there is no such file"]


def test_missing_files_of_a_folder(tmp_path: Path) -> None:
    assert refused(str(tmp_path)) == [f"{tmp_path}: no table found there; expected CSV, TSV, Parquet or JSON lines"]


def test_missing_column(tmp_path: Path) -> None:
    path = written(tmp_path, "who,item_id,stars\nx,a,5\n")
    (fault,) = refused(path)
    assert (
        fault
        == f"{path}: no column was recognised as the user ids; it has: who, item_id, stars; say data.source.user=COLUMN"
    )


def test_missing_header(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert [fault.split("; ")[-1] for fault in refused(path)] == ["is the first row not a header?"] * 2


def test_named_column_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD)
    assert refused(path, user="usr", time="when") == [
        f"{path}: there is no column 'usr' for the user; it has: user_id, item_id, rating, timestamp",
        f"{path}: there is no column 'when' for the time; it has: user_id, item_id, rating, timestamp",
    ]


def test_wrong_type_and_empty_id_are_told_together(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD + "u1,i1,good,1000000000\n,i2,3,1000000000\nu1,,3,soon\n")
    assert refused(path) == [
        f"{path}: row 31, column 'rating': found 'good', expected a number",
        f"{path}: row 32, column 'user_id': found nothing, expected an id that is not empty",
        f"{path}: row 33, column 'item_id': found nothing, expected an id that is not empty",
        f"{path}: row 33, column 'timestamp': found 'soon', expected a time: a number of seconds since 1970 or a date "
        "such as 2024-01-31 12:00:00",
    ]


def test_many_faults_are_counted_after_a_limit(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD + "u1,i1,good,1000000000\n" * 25)
    with pytest.raises(InputError) as caught:
        made(read(path))
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "... and 5 more faults of the same input"


def test_mixed_ids_in_json_lines(tmp_path: Path) -> None:
    rows = '{"user_id": "a", "item_id": 1}\n{"user_id": "b", "item_id": "1"}\n'
    path = written(tmp_path, rows, "e.jsonl")
    (fault,) = refused(path)
    assert fault == (
        f"{path}: row 2, column 'item_id': found '1' (str) where earlier rows hold 1 (int); expected ids of one type"
    )


def test_mixed_ids_in_a_pandas_frame() -> None:
    frame = pd.DataFrame({"user_id": pd.Series(["a", "b", 3], dtype=object), "item_id": [1, 2, 3]})
    with pytest.raises(
        InputError, match=r"event frame: row 3, column 'user_id': found 3 \(int\) among values of type str"
    ):
        Frame(Frame.Config(events=frame)).read()


def test_something_that_is_no_frame() -> None:
    with pytest.raises(InputError, match="event frame: found a list, expected a pandas or polars frame"):
        Frame(Frame.Config(events=[1, 2])).read()


def test_whole_and_pointed_numbers_as_ids_of_one_column(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD.replace("u", "") + "1.0,i1,3,1000000000\n")
    assert refused(path) == [
        f"{path}: row 31, column 'user_id': found '1.0', expected an id written like the others, "
        "which are whole numbers"
    ]


@pytest.mark.parametrize("name", ["e.csv", "e.parquet", "e.jsonl"])
def test_empty_file(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, "", name)
    assert refused(path) == [f"{path}: this file is empty; expected a table"]


def test_empty_gzip(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(b""), "e.csv.gz")
    assert refused(path) == [f"{path}: this file is empty; expected a table"]


def test_header_only(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD)
    assert refused(path) == [f"{path}: this table has no rows; expected at least one"]


@pytest.mark.parametrize("name", ["e.csv.gz", "e.jsonl.gz"])
def test_truncated_gzip(tmp_path: Path, name: str) -> None:
    row = b'{"user_id": "a", "item_id": "b"}\n' if "jsonl" in name else GOOD.encode()
    content = gzip.compress(HEAD.encode() * ("csv" in name) + row * 3000 + os.urandom(2000).hex().encode())
    path = written(tmp_path, content[: len(content) // 2], name)
    (fault,) = refused(path)
    assert fault.startswith(f"{path}: this gzip file ends in the middle")


def test_called_gzip_and_is_not(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD, "e.csv.gz")
    (fault,) = refused(path)
    assert fault.startswith(f"{path}: this file cannot be read (Not a gzipped file")


def test_noise_called_parquet(tmp_path: Path) -> None:
    path = written(tmp_path, os.urandom(4096), "e.parquet")
    (fault,) = refused(path)
    assert fault.startswith(f"{path}: this is not a Parquet file")
    assert fault.endswith("expected one that begins and ends with PAR1")


def test_row_with_too_many_fields(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD + "u1,i1,3,1000000000,what\n")
    assert refused(path) == [f"{path}: row 31 has 5 fields, the header has 4; expected as many"]


def test_line_that_is_no_json(tmp_path: Path) -> None:
    path = written(tmp_path, '{"user_id": "a", "item_id": "b"}\nnot json\n[1]\n', "e.jsonl")
    faults = refused(path)
    assert faults[0].startswith(f"{path}: row 2 is not JSON (Expecting value")
    assert faults[1] == f"{path}: row 3 is no JSON object ('[1]\\n'); expected one a line"


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["e.csv", "e.jsonl", "e.csv.gz", "e.txt"])
def test_text_in_utf16_is_told_by_its_mark(tmp_path: Path, order: str, name: str) -> None:
    text = ("\ufeff" + HEAD + GOOD).encode(order)
    path = written(tmp_path, gzip.compress(text) if name.endswith("gz") else text, name)
    sentence = f"{path}: the text is UTF-16, expected UTF-8; convert it, e.g. with iconv -f utf-16 -t utf-8"
    assert refused(path) == [sentence]
    with pytest.raises(InputError) as caught:
        Sequences(Sequences.Config(path=path)).read()
    assert caught.value.faults == (sentence,)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = written(tmp_path, (HEAD + GOOD).encode() + b"u\xe9,i1,3,1000000000\n")
    (fault,) = refused(path)
    assert fault.startswith(f"{path}: the text is not UTF-8")


def test_column_twice(tmp_path: Path) -> None:
    path = written(tmp_path, "user_id,item_id,item_id\na,b,c\n")
    assert refused(path) == [f"{path}: the column 'item_id' occurs 2 times; rename one"]


def test_ids_that_are_lists() -> None:
    with pytest.raises(InputError, match="event frame: this file cannot be read"):
        made(frames(pl.DataFrame({"user_id": [["a"]] * 9, "item_id": list("abcdefghi")})))


def test_times_in_two_units(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD + "u1,i1,3,1000000000000\n")
    (fault,) = refused(path)
    assert fault == (
        f"{path}, column 'timestamp': found times in seconds (1000000000) and in milliseconds (1000000000000); "
        "expected one unit in the whole column"
    )


def test_milliseconds_are_recognised_and_said(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 3},i{n},{n % 5 + 1},{1_000_000_000_000 + 7 * n}\n" for n in range(30))
    path = written(tmp_path, HEAD + rows)
    dataset = made(read(path))
    assert dataset.facts["time"]["first"] == "2001-09-09 01:46:40"
    assert dataset.facts["notes"] == [f"{path}, column 'timestamp': times are in milliseconds; read as such"]
    assert dataset.facts["ties"] == 0.0  # seven thousandths of a second apart, though all in one second


def test_label_outside_its_scale(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD + "u1,i1,55,1000000000\nu1,i2,-3,1000000000\n")
    schema = written(
        tmp_path,
        'label_scale = [1.0, 5.0]\n[events]\nuser_id = {kind = "id", role = "user"}\n'
        'item_id = {kind = "id", role = "item"}\nrating = {kind = "number", role = "label"}\n',
        "schema.toml",
    )
    assert refused(path, schema=schema) == [
        f"{path}: row 31, column 'rating': found '55', expected a label from 1 to 5 (label_scale of the schema)",
        f"{path}: row 32, column 'rating': found '-3', expected a label from 1 to 5 (label_scale of the schema)",
    ]


def test_stray_rating_is_told_without_a_schema(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD + "u1,i1,55,1000000000\n")
    assert refused(path) == [
        f"{path}: row 31, column 'rating': found '55', expected a label from 1 to 5 (label_scale of the schema)"
    ]


def test_users_with_one_event_only(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "".join(f"u{n},i{n % 3},3,{1_000_000_000 + n}\n" for n in range(30)))
    assert refused(path) == [
        "leave_one_out: no user has 3 events to be predicted (the most is 1); use another split, or filters that "
        "keep more"
    ]


def test_item_table_that_misses_some_items_is_told_and_no_fault(tmp_path: Path) -> None:
    items = written(tmp_path, "item_id,title\n" + "".join(f"i{n},T{n}\n" for n in range(28)), "items.csv")
    dataset = made(read(written(tmp_path, HEAD + GOOD), items=items))
    assert dataset.facts["notes"] == [f"{items}: 2 of 30 items of the events are not in this table, e.g. 'i28', 'i29'"]
    assert dataset.titles[dataset.items.number("i29")] == "i29"
    assert dataset.titles[dataset.items.number("i3")] == "T3"


def test_item_table_of_other_ids(tmp_path: Path) -> None:
    items = written(tmp_path, "item_id,title\nB01,x\n", "items.csv")
    (fault,) = refused(written(tmp_path, HEAD + GOOD), items=items)
    assert fault == (
        f"{items}, column 'item_id': none of the 30 items of the events is in this table, which has e.g. 'B01' where "
        "the events have 'i0'; expected the same ids"
    )


def test_item_table_with_an_empty_id(tmp_path: Path) -> None:
    items = written(tmp_path, "item_id,title\ni1,x\n,y\n", "items.csv")
    (fault,) = refused(written(tmp_path, HEAD + GOOD), items=items)
    assert fault == f"{items}: row 2, column 'item_id': found nothing, expected an id that is not empty"


def test_strange_ids_come_through(tmp_path: Path) -> None:
    strange = ["ünï/cödé", 'a "quoted", one', "x" * 10_000, "日本 語", "../../etc", "%2F?&#", "'; DROP--"]
    events = pl.DataFrame(
        {
            "user_id": [user for user in strange for _ in strange],
            "item_id": [item for _ in strange for item in strange],
            "timestamp": range(len(strange) ** 2),
        }
    )
    for name in ("e.csv", "e.parquet", "e.jsonl"):
        {"csv": events.write_csv, "parquet": events.write_parquet, "jsonl": events.write_ndjson}[name[2:]](
            tmp_path / name
        )
        dataset = prepare(read(str(tmp_path / name)), tmp_path / "out", split=LeaveOneOut(LeaveOneOut.Config()))
        assert set(dataset.users.all().to_pylist()) == set(strange)
        assert dataset.items.key(dataset.items.number(strange[2])) == strange[2]
        held = dataset.held_out("test")[1]
        assert {dataset.items.key(row[0]) for row in held.items} == {strange[-1]}


def test_missing_labels_and_times_after_filtering(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD + "u1,i1,,1000000001\nu1,i2,3,\n")
    advice = "fill them, or drop such rows with the filter bad_rows"
    assert refused(path) == [
        f"{path}, column 'rating': 1 labels are missing or infinite; {advice}",
        f"{path}, column 'timestamp': 1 times are missing; {advice}",
    ]
    dataset = made(read(path), filters=[BadRows(BadRows.Config())])
    assert dataset.facts["dropped"][0]["rows"] == 2


def test_filters_that_leave_nothing() -> None:
    from p5rec.data.filters.min_label import MinLabel

    with pytest.raises(InputError, match="event frame: the filters left no event; loosen them"):
        made(frames(steps()), filters=[MinLabel(MinLabel.Config(lowest=9.0))])


def test_unknown_split_value(tmp_path: Path) -> None:
    path = written(tmp_path, "user_id,item_id,split\n" + "u1,a,train\nu1,b,test\n" * 50 + "u1,c,holdout\n")
    assert refused(path) == [f"{path}: row 101, column 'split': found 'holdout', expected train, valid or test"]


def test_sequence_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "u1 a b c\nu2\nu1 d e\n", "s.txt")
    with pytest.raises(InputError) as caught:
        Sequences(Sequences.Config(path=path)).read()
    assert caught.value.faults == (
        f"{path}: line 2 has a user, 'u2', and no items; expected `user item item …`",
        f"{path}: the user 'u1' has lines 1, 3; expected one line a user",
    )


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD + "u1,i1,good,1000000000\n")
    with pytest.raises(InputError):
        prepare(read(path), tmp_path / "out", split=LeaveOneOut(LeaveOneOut.Config()))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["events.csv"]


def test_json_that_breaks_late(tmp_path: Path) -> None:
    path = written(tmp_path, '{"user_id": "a", "item_id": "b"}\n' * 10_500 + "oops\n", "e.jsonl")
    (fault,) = refused(path)
    assert fault.startswith(f"{path}: row 10501 is not JSON (Expecting value")


def test_item_table_without_ids(tmp_path: Path) -> None:
    items = written(tmp_path, "name,price\nx,1\n", "items.csv")
    assert refused(written(tmp_path, HEAD + GOOD), items=items) == [
        f"{items}: no column was recognised as the item ids; it has: name, price; call one 'item_id' as in the events"
    ]


def test_too_many_event_kinds(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 9},i{n},{n}x\n" for n in range(300))
    path = written(tmp_path, "user_id,item_id,what\n" + rows)
    assert refused(path, event_kind="what") == [f"{path}: found 300 event kinds, e.g. '0x'; expected at most 255"]


def test_blank_sequences(tmp_path: Path) -> None:
    path = written(tmp_path, "\n  \n", "s.txt")
    with pytest.raises(InputError, match=r"s.txt: this file has no lines with words; expected `user item item …`"):
        Sequences(Sequences.Config(path=path)).read()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"title": "x"}\n', "there is no field 'asin'; found title"),
        ("{'title': 'x'}\n", "row 1 has no asin"),
        ("{'asin': 'x'}\n{'asin': \n", "row 2 is neither JSON nor a Python literal"),
    ],
)
def test_amazon_metadata(tmp_path: Path, text: str, sentence: str) -> None:
    reviews = written(tmp_path, '{"reviewerID": "u", "asin": "i", "overall": 5, "unixReviewTime": 1}\n', "r.jsonl")
    items = written(tmp_path, text, "meta.jsonl")
    with pytest.raises(InputError) as caught:
        Amazon(Amazon.Config(path=reviews, items=items)).read()
    assert caught.value.faults == (f"{items}: {sentence}",)


def test_facts_that_are_damaged(tmp_path: Path) -> None:
    prepare(frames(steps()), tmp_path / "out", split=LeaveOneOut(LeaveOneOut.Config()))
    (tmp_path / "out" / "facts.json").write_text("{")
    with pytest.raises(InputError, match=r"facts.json: this dataset is damaged .*; prepare it again"):
        facts_of(tmp_path / "out")


def test_context_that_is_no_number_and_context_that_cannot_be(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 3},i{n},{n}.5\n" for n in range(1100)) + "u1,i1,cheap\nu1,i2,\n"
    path = written(tmp_path, "user_id,item_id,price\n" + rows)
    assert refused(path, context=["price"]) == [f"{path}: row 1101, column 'price': found 'cheap', expected a number"]
    frame = steps().with_columns(seen=pl.lit([1, 2]))
    with pytest.raises(InputError, match="the column 'seen' is of kind list; context is a number or a category"):
        frames(frame, context=["seen"])


def test_an_id_that_is_no_number(tmp_path: Path) -> None:
    frame = steps().with_columns(user_id=pl.Series([1.0] * 29 + [float("nan")]))
    with pytest.raises(InputError, match="row 30, column 'user_id': found nan, expected an id"):
        made(frames(frame))


def test_numbers_of_items_and_users_that_would_not_stay_finite(tmp_path: Path) -> None:
    items = written(tmp_path, "item_id,price,mass\ni1,1e308,1\ni2,3,-1e31\ni3,inf,1e30\n", "items.csv")
    users = written(tmp_path, "user_id,age\nu1,20.5\nu2,4e99\n", "users.csv")
    assert refused(written(tmp_path, HEAD + GOOD), items=items, users=users) == [
        f"{users}: 'u2', column 'age': found 4e+99, expected a number from -1e+30 to 1e+30",
        f"{items}: 'i1', column 'price': found 1e+308, expected a number from -1e+30 to 1e+30",
        f"{items}: 'i2', column 'mass': found -1e+31, expected a number from -1e+30 to 1e+30",
    ]
