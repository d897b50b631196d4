"""Times in every usual form."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from p5rec.core.errors import InputError
from p5rec.data import times

SECONDS = [1_000_000_000, 1_000_000_060]


def read(values: list[object]) -> times.Times:
    series = pl.Series("t", values, strict=False)
    expression, per = times.reading(series)
    raw = series.to_frame().select(expression.fill_null(-1)).to_series().to_numpy()
    return times.normalise(raw, "t", per)


@pytest.mark.parametrize(
    "values",
    [
        SECONDS,
        [1000 * value for value in SECONDS],
        [1_000_000 * value for value in SECONDS],
        [10**9 * value for value in SECONDS],
        [float(value) for value in SECONDS],
        [str(value) for value in SECONDS],
        ["2001-09-09 01:46:40", "2001-09-09 01:47:40"],
        ["2001-09-09T01:46:40Z", "2001-09-09T03:47:40+02:00"],
        ["2001-09-09 01:46:40.25", "2001-09-09 01:47:40.5"],
        [1_000_000_000.25, 1_000_000_060.5],
        ["1000000000.25", "1000000060.5"],
    ],
)
def test_every_form_is_the_same_time(values: list[object]) -> None:
    found = read(values)
    assert found.seconds.tolist() == SECONDS
    if ".25" in str(values[0]):
        assert found.fraction is not None
        assert found.fraction.tolist() == [250_000, 500_000]


@pytest.mark.parametrize("values", [["2001-09-09", "2001-09-10"], ["09 9, 2001", "09 10, 2001"], ["2001/09/09", None]])
def test_days(values: list[object]) -> None:
    assert read(values).seconds[0] == 999_993_600


def test_days_as_integers() -> None:
    found = read([20010909, None, 19691231])
    assert found.seconds.tolist() == [999_993_600, -1, -86_400]
    assert found.note == "t: times are dates like 20010909; read as such"


def test_small_numbers_are_steps() -> None:
    assert read([3, 1, 2]).seconds.tolist() == [3, 1, 2]


def test_unknown_stays_unknown() -> None:
    assert read([1_000_000_000_500, None]).seconds.tolist() == [10**9, -1]


def test_mixed_units_are_refused() -> None:
    with pytest.raises(InputError, match=r"found times in seconds .* and in milliseconds"):
        times.normalise(np.array([10**9, 10**12]), "t")


def test_moments_of_a_page() -> None:
    assert times.moment("2001-09-09 01:46:40", "x") == times.moment("1000000000", "x") == 10**9
