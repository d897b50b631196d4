"""Files of item vectors: refused where they hold no vectors, with a note where some are missing in part."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from data_toys import made, steps, written

from p5rec.core.errors import InputError
from p5rec.data.events import Tables
from p5rec.data.sources.table import Table

COUNT = 7


def read(folder: Path, **paths: str) -> Tables:
    events = written(folder, steps().write_csv())
    items = written(folder, "item_id,title\n" + "".join(f"i{n},tea {n}\n" for n in range(COUNT)), "items.csv")
    return Table(Table.Config(path=events, items=items, item_vectors=paths)).read()


def saved(folder: Path, values: Any, name: str = "v.npy") -> str:
    np.save(folder / name, values, allow_pickle=True)
    return str(folder / name)


def with_odd(value: Any, kind: type = float) -> np.ndarray:
    values = np.ones((COUNT, 3), kind)
    values[2, 1] = value
    return values


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.ones(COUNT), "found shape (7,), expected (7, width), a vector for each row of "),
        (np.ones((3, 2)), "found shape (3, 2), expected (7, width), a vector for each row of "),
        (np.ones((COUNT, 0)), "found shape (7, 0), expected (7, width), a vector for each row of "),
        (with_odd(1j, complex), "found values of type complex128, expected real numbers"),
        (np.full((COUNT, 2), "a"), "found values of type <U1, expected real numbers"),
        (with_odd(1e300), "row 3 holds 1e+300, and 1 rows such numbers, expected finite ones that fit 32 bits; mark"),
        (with_odd(-np.inf), "row 3 holds -inf, and 1 rows such numbers, expected finite ones that fit 32 bits; mark"),
        (np.full((COUNT, 2), np.nan), "every row holds NaN, so that all vectors are missing; expected at least one"),
        (with_odd(None, object), "this file is cut off or holds no plain numbers; expected a .npy file of"),
    ],
)
def test_what_is_no_vector_for_each_item_is_refused(tmp_path: Path, values: np.ndarray, sentence: str) -> None:
    path = saved(tmp_path, values)
    with pytest.raises(InputError) as caught:
        read(tmp_path, v=path)
    (fault,) = caught.value.faults
    assert fault.startswith(f"{path}: {sentence}")


def test_files_that_are_no_arrays_are_told_together_with_a_name_that_is_taken(tmp_path: Path) -> None:
    whole = saved(tmp_path, np.ones((COUNT, 2)))
    cut = written(tmp_path, Path(whole).read_bytes()[:-9], "cut.npy")
    table = written(tmp_path, "1,2\n", "table.npy")
    with pytest.raises(InputError) as caught:
        read(tmp_path, title=whole, a=str(tmp_path / "none.npy"), b=table, c=cut)
    form = "expected a .npy file of (rows, width) numbers, as numpy.save writes it"
    assert caught.value.faults == (
        f"item_vectors.title: {tmp_path / 'items.csv'} has a column 'title' already; give the vectors another name",
        f"{tmp_path / 'none.npy'}: there is no such file; {form}",
        f"{table}: this is not a .npy file; {form}",
        f"{cut}: this file is cut off or holds no plain numbers; {form}",
    )


def test_vectors_that_are_missing_in_part_are_counted(tmp_path: Path) -> None:
    values = with_odd(np.nan)
    values[4] = np.nan
    path = saved(tmp_path, values)
    tables = read(tmp_path, v=path)
    note = f"{path}: 1 of 7 vectors are NaN in part and count as missing"
    assert tables.notes == [note]
    assert note in made(tables).facts["notes"]
    assert read(tmp_path, v=saved(tmp_path, np.arange(14).reshape(7, 2), "w.npy")).notes == []


def test_vectors_join_the_items_in_their_order(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(COUNT, 3))
    tables = read(tmp_path, v=saved(tmp_path, values), w=saved(tmp_path, -values, "w.npy"))
    assert tables.items is not None
    frame = tables.items.collect()
    assert frame.schema["v"] == pl.Array(pl.Float32, 3)
    assert np.allclose(frame["v"].to_numpy(), values)
    assert np.allclose(frame["w"].to_numpy(), -values)
