"""Schemas: inferred, printed, edited, validated."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from data_toys import frames, made, read, steps, written

from p5rec.core.errors import InputError
from p5rec.data.features import Kind
from p5rec.data.infer import kind_of, scale_of
from p5rec.data.schema import Role, Schema


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], Kind.NUMBER),
        (["1", "2.5", "-3"], Kind.NUMBER),
        ([True, False], Kind.CATEGORY),
        (["red", "red", "blue", "blue", "red"], Kind.CATEGORY),
        (["the first of all", "another that is long", "nothing like it"], Kind.TEXT),
        (["2020-01-31", "2021-02-01"], Kind.TIME),
        (["2020-01-31 10:00", "2021-02-01 11:30"], Kind.TIME),
        (["a|b", "b|c", "c"], Kind.LIST),
        ([["a"], ["b", "c"]], Kind.LIST),
        ([[0.5, 1.0], [2.0, 3.0]], Kind.VECTOR),
        (["x/1.jpg", "x/2.JPG"], Kind.IMAGE),
        (["1.wav", "2.wav"], Kind.AUDIO),
        (["1.wav", "2.flac", "3.ogg"], Kind.AUDIO),
        ([b"RIFF\0\0\0\0WAVEfmt ", None], Kind.AUDIO),
        ([b"\x89PNG", b"GIF"], Kind.IMAGE),
        ([None, None], Kind.TEXT),
    ],
)
def test_kinds_are_told_by_content(values: list[object], kind: Kind) -> None:
    assert kind_of(pl.Series("x", values, strict=False)) == kind


def test_titles_are_text_however_they_look() -> None:
    assert kind_of(pl.Series("title", ["1984", "300", "9"])) == Kind.TEXT


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1, 2, 3, 4, 5] * 10, (1.0, 5.0)),
        ([0.5, 3.5, 5.0] * 10, (0.5, 5.0)),
        ([0, 5, 3] * 10, (0.0, 5.0)),
        ([1, 7, 10] * 10, (1.0, 10.0)),
        ([0, 55, 90] * 10, (0.0, 100.0)),
        ([1, 2, 5] * 100 + [17], (1.0, 5.0)),
        ([3, 4, 2, 8, 5], (1.0, 10.0)),
        ([-9, 700, 3] * 10, None),
    ],
)
def test_scales(values: list[float], scale: tuple[float, float] | None) -> None:
    assert scale_of(pl.Series(values, dtype=pl.Float64, strict=False)) == scale


def test_described_saved_edited_and_used(tmp_path: Path) -> None:
    path = written(tmp_path, steps().with_columns(pl.lit("x").alias("device")).write_csv())
    schema = read(path).schema
    assert schema.describe()[0] == {"table": "events", "column": "user_id", "kind": "id", "role": "user"}
    assert schema.column(Role.IGNORE) == "device"
    saved = tmp_path / "schema.toml"
    schema.save(saved)
    assert Schema.load(saved) == schema
    text = saved.read_text()
    assert text.startswith("# The columns of the data.")
    saved.write_text(text.replace('role = "ignore"', 'role = "context"').replace('kind = "text"', 'kind = "category"'))
    assert "device" in made(read(path, schema=str(saved))).events
    dataset = made(read(path))
    assert "device" not in dataset.events
    assert dataset.facts["notes"] == ["event columns left out: device (name those known before the event as context)"]


def test_faults_of_a_schema_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        '[events]\na = {kind = "id", role = "user"}\nb = {kind = "id", role = "user"}\nc = {kind = "number"}\n'
        '[items]\nd = {kind = "text"}\n'
    )
    with pytest.raises(InputError) as caught:
        Schema.load(path)
    assert caught.value.faults == (
        f"{path}: no event column has the role item; give it to the column with the item ids",
        f"{path}: the columns a, b all have the role user; only one can",
        f"{path}: the items table needs exactly one column of kind id, found 0",
    )
    path.write_text('[events]\na = {kind = "idd", role = "usr"}\n')
    with pytest.raises(InputError) as caught:
        Schema.load(path)
    assert len(caught.value.faults) == 2
    assert caught.value.faults[0].startswith(f"{path}.events.a.kind: found 'idd'")


def test_a_schema_of_another_file(tmp_path: Path) -> None:
    path = written(tmp_path, steps().write_csv())
    saved = tmp_path / "schema.toml"
    read(path).schema.save(saved)
    other = written(tmp_path, steps().rename({"rating": "ratings"}).write_csv(), "other.csv")
    with pytest.raises(InputError, match=r"other.csv: there is no column 'rating'; did you mean 'ratings'\?"):
        read(other, schema=str(saved))


def test_numbers_of_item_tables_are_checked(tmp_path: Path) -> None:
    rows = "".join(f"i{n},{n}\n" for n in range(7)) * 1700
    items = written(tmp_path, "item_id,price\n" + rows + "i0,cheap\n", "items.csv")
    with pytest.raises(InputError) as caught:
        made(read(written(tmp_path, steps().write_csv()), items=items))
    assert caught.value.faults == (f"{items}: row 11901, column 'price': found 'cheap', expected a number",)


def test_leaky_statistics_are_left_out() -> None:
    items = pl.DataFrame({"item_id": ["i0"], "average_rating": [4.5], "sales_rank": [1], "price": [2.0]})
    schema = frames(steps(), items=items).schema
    assert [name for name, column in schema.items.items() if column.role == Role.IGNORE] == [
        "average_rating",
        "sales_rank",
    ]
