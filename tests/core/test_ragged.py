"""Ragged against plain lists."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from p5rec.data.ragged import Ragged, column, columns, joined

LISTS = st.lists(st.lists(st.integers(-5, 1000), max_size=6), max_size=8)


def lists(ragged: Ragged) -> list[list[int]]:
    return [row.tolist() for row in ragged]


@st.composite
def slices(draw: st.DrawFn) -> tuple[Ragged, list[list[int]]]:
    """Rows that are slices of one array: with gaps between them, in any order, some of them overlapping."""
    values = draw(st.lists(st.integers(0, 99), max_size=30))
    cuts = draw(st.lists(st.tuples(st.integers(0, len(values)), st.integers(0, len(values))), max_size=8))
    cuts = [(min(cut), max(cut)) for cut in cuts]
    starts, stops = (np.array([cut[n] for cut in cuts], dtype=np.int64) for n in (0, 1))
    return Ragged(np.array(values, dtype=np.int32), starts, stops), [values[a:b] for a, b in cuts]


@given(LISTS)
def test_of_keeps_rows(rows: list[list[int]]) -> None:
    ragged = Ragged.of(rows)
    assert lists(ragged) == rows
    assert len(ragged) == len(rows)
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    assert ragged.values.dtype == np.int64


@given(slices())
def test_flat_goes_row_after_row(case: tuple[Ragged, list[list[int]]]) -> None:
    ragged, rows = case
    row, values = ragged.flat()
    assert values.tolist() == [value for one in rows for value in one]
    assert row.tolist() == [number for number, one in enumerate(rows) for _ in one]
    assert ragged.values[ragged.places()[1]].tolist() == values.tolist()


@given(slices())
def test_compact_owns_its_values(case: tuple[Ragged, list[list[int]]]) -> None:
    ragged, rows = case
    compact = ragged.compact()
    assert lists(compact) == rows
    assert len(compact.values) == sum(map(len, rows))


@given(slices(), st.integers(0, 5))
def test_last_cuts_the_oldest(case: tuple[Ragged, list[list[int]]], count: int) -> None:
    ragged, rows = case
    assert lists(ragged.last(count)) == [row[len(row) - min(count, len(row)) :] for row in rows]


@given(slices(), st.randoms(use_true_random=False))
def test_rows_are_chosen_in_any_order(case: tuple[Ragged, list[list[int]]], random: object) -> None:
    ragged, rows = case
    chosen = [n for n in range(len(rows)) for _ in range(random.randint(0, 2))]  # type: ignore[attr-defined]
    random.shuffle(chosen)  # type: ignore[attr-defined]
    assert lists(ragged.rows(np.array(chosen, dtype=np.int64))) == [rows[n] for n in chosen]
    assert lists(ragged.rows(slice(1, None))) == rows[1:]


@given(slices(), st.integers(-3, -1))
def test_padded_fills_behind(case: tuple[Ragged, list[list[int]]], fill: int) -> None:
    ragged, rows = case
    width = max(map(len, rows), default=0)
    assert ragged.padded(fill).tolist() == [row + [fill] * (width - len(row)) for row in rows]


@given(st.data())
def test_joined_is_row_by_row(data: st.DataObject) -> None:
    (first, a), (second, b) = data.draw(slices()), data.draw(slices())
    count = min(len(a), len(b))
    both = joined(first.rows(slice(count)), second.rows(slice(count)))
    assert lists(both) == [x + y for x, y in zip(a[:count], b[:count], strict=True)]


@given(slices())
def test_columns_are_the_same_slices(case: tuple[Ragged, list[list[int]]]) -> None:
    ragged, rows = case
    assert lists(column(ragged, ragged.values * 2)) == [[2 * value for value in row] for row in rows]
    assert lists(columns(ragged, {"a": ragged.values + 1})["a"]) == [[value + 1 for value in row] for row in rows]
