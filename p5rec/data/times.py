"""Times in every usual form → whole seconds since 1970 and what is left below a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from p5rec.core.errors import InputError

FORMATS = ("%+", "%F", "%F %T%.f", "%FT%T%.f", "%F %R", "%m %d, %Y", "%Y/%m/%d", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d")
UNITS = ((1e11, 1, "seconds"), (1e14, 10**3, "milliseconds"), (1e17, 10**6, "microseconds"))
OLDEST = 10**8  # 1973: unit is told from values after it only
SHARE = 0.5
MICRO = 10**6


@dataclass(frozen=True)
class Times:
    """N times.

    Attributes:
        seconds: (N,) int64 since 1970, -1 where unknown.
        fraction: (N,) int64 the rest below a second, or None where there is none.
        per: so many units of the rest are a second.
        note: a sentence on a unit that was recognised.
    """

    seconds: np.ndarray
    fraction: np.ndarray | None = None
    note: str | None = None
    per: int = 1

    @property
    def micro(self) -> np.ndarray:
        """(N,) int64 microseconds since 1970, of no meaning where unknown."""
        rest = 0 if self.fraction is None else self.fraction * MICRO // self.per
        return self.seconds * MICRO + rest


def reading(sample: pl.Series) -> tuple[pl.Expr, int | None]:
    """How to read a column: an int64 expression, null where it fails, and its units a second (None: by size)."""
    column, dtype = pl.col(sample.name), sample.dtype
    if dtype.is_temporal():
        return column.cast(pl.Datetime("us")).dt.epoch("us"), MICRO
    if dtype.is_integer():
        return column.cast(pl.Int64), None
    if dtype.is_float():
        return _from_float(column), MICRO
    numbers = sample.cast(pl.Float64, strict=False)
    if numbers.null_count() > len(sample) * SHARE:
        return _from_date(column), MICRO
    if numbers.drop_nulls().floor().eq(numbers.drop_nulls()).all():
        return column.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False), None
    return _from_float(column.cast(pl.Float64, strict=False)), MICRO


def _from_date(column: pl.Expr) -> pl.Expr:
    """Text that spells dates, as microseconds; null where it does not."""
    column = column.str.strip_chars()
    forms = [
        column.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC" if form == "%+" else None)
        for form in FORMATS
    ]
    return pl.coalesce([form.dt.replace_time_zone(None).dt.epoch("us") for form in forms])


def _from_float(column: pl.Expr) -> pl.Expr:
    """Numbers with a fraction as microseconds, from seconds, milliseconds or microseconds by their size."""
    factor = pl.when(column.abs() < UNITS[0][0]).then(MICRO).when(column.abs() < UNITS[1][0]).then(1000).otherwise(1)
    return (column * factor).round().cast(pl.Int64, strict=False)


def looks_like_time(values: pl.Series) -> bool:
    """Whether most values spell dates, or are numbers that can count time."""
    if values.dtype.is_temporal() or values.dtype.is_numeric():
        return True
    if values.dtype != pl.String:
        return False
    known = values.drop_nulls().head(1000)
    if not len(known):
        return False
    if 1 - known.cast(pl.Float64, strict=False).null_count() / len(known) > SHARE:
        return True
    return bool(known.to_frame().select(_from_date(pl.col(known.name)).is_not_null().mean()).item() > SHARE)


def normalise(raw: np.ndarray, where: str, per: int | None = None) -> Times:
    """Int64 times of one unit, -1 unknown, → seconds; where `per` (units a second) is None their size tells.

    Raises:
        InputError: units are mixed, so that no order can be told.
    """
    known = raw[raw != -1]
    note = None
    if per is None and len(known) and _calendar(known):
        return Times(_from_calendar(raw), None, f"{where}: times are dates like {int(known[0])}; read as such")
    if per is None and len(known):
        per, name = unit(float(known.max()))
        _one_unit(known, where)
        note = f"{where}: times are in {name}; read as such" if per > 1 else None
    if per in (None, 1):
        return Times(raw)
    seconds = np.where(raw == -1, -1, raw // per)
    fraction = np.where(raw == -1, 0, raw % per)
    return Times(seconds, fraction if fraction.any() else None, note, per or 1)


def _calendar(numbers: np.ndarray) -> bool:
    """Whether integers spell days, as in 20240131."""
    if numbers.min() < 19_000_101 or numbers.max() > 21_001_231:
        return False
    month, day = numbers // 100 % 100, numbers % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def _from_calendar(raw: np.ndarray) -> np.ndarray:
    """Seconds since 1970 of integers that spell days; -1 stays."""
    days = np.where(raw == -1, 19_700_101, raw)
    months = (days // 10_000 - 1970) * 12 + days // 100 % 100 - 1
    start = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.where(raw == -1, -1, (start + days % 100 - 1) * 86_400)


def _one_unit(known: np.ndarray, where: str) -> None:
    smallest, largest = float(known.min()), float(known.max())
    if smallest >= OLDEST and unit(smallest) != unit(largest) and smallest < largest / 100:
        raise InputError(
            f"{where}: found times in {unit(smallest)[1]} ({smallest:.0f}) and in {unit(largest)[1]} ({largest:.0f}); "
            "expected one unit in the whole column"
        )


def unit(value: float) -> tuple[int, str]:
    """How many of the unit are a second, and its name, for a time since 1970 after 1973."""
    for limit, per, name in UNITS:
        if value < limit:
            return per, name
    return 10**9, "nanoseconds"


def moment(text: str | float, where: str) -> int:
    """Seconds since 1970 of a date of a page, e.g. ``2014-01-31`` or ``2014-01-31 12:00``, or of a number.

    Raises:
        InputError: it is no date.
    """
    value = pl.Series("date", [str(text)])
    expression = pl.coalesce(pl.col("date").cast(pl.Float64, strict=False), _from_date(pl.col("date")) / MICRO)
    seconds = value.to_frame().select(expression).item()
    if seconds is None:
        raise InputError(f"{where}: found {text!r}, expected a date such as 2014-01-31 or 2014-01-31 12:00:00")
    return int(seconds)
