"""What is known of items or users: one column a field, row n belongs to number n."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from p5rec.data.ragged import Ragged
from p5rec.data.words import Words


class Kind(StrEnum):
    """What the values of a column are."""

    ID = "id"
    CATEGORY = "category"
    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    VECTOR = "vector"
    IMAGE = "image"
    AUDIO = "audio"
    LIST = "list"
    LINK = "link"


@dataclass(frozen=True)
class Column:
    """One field of all items (or users).

    Attributes:
        kind: what the values are.
        values: CATEGORY (N,) int32 level, -1 missing · LIST rows of int32 levels (`Ragged`) · NUMBER (N,) float32
            normalised on training rows, NaN missing · TIME (N,) int64 seconds, -1 missing · VECTOR (N, D) float32,
            NaN rows missing · TEXT, IMAGE, AUDIO (N,) object: strings or paths, None missing · LINK rows of int32
            numbers of what each is linked to: rows of the same table or the other one, or things of knowledge.
        levels: names of the levels of a CATEGORY or LIST, of the things of a LINK.
        scale: (mean, deviation) that a NUMBER was normalised with.
    """

    kind: Kind
    values: np.ndarray | Ragged
    levels: tuple[str, ...] = ()
    scale: tuple[float, float] = (0.0, 1.0)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Features:
    """The columns of all items (or all users), rows in the order of their numbers.

    Attributes:
        count: rows.
        columns: name → values of all rows.
        seen: (N,) bool, whether a row occurs in a training event, so that a vector of its own can be learned; None
            where all do.
        words: the vocabulary of the data, for those that read texts.
    """

    count: int
    columns: Mapping[str, Column] = field(default_factory=dict)
    seen: np.ndarray | None = None
    words: Words | None = None

    def of_kind(self, *kinds: Kind) -> dict[str, Column]:
        """The columns of these kinds."""
        kind = getattr(self.columns, "kind", lambda name: self.columns[name].kind)  # stored columns tell it unread
        return {name: self.columns[name] for name in self.columns if kind(name) in kinds}

    def behind(self, count: int) -> Features:
        """The rows behind the first `count` ones."""
        columns = {}
        for name, column in self.columns.items():
            values = column.values
            rows = values.rows(slice(count, None)) if isinstance(values, Ragged) else values[count:]
            columns[name] = replace(column, values=rows)
        seen = None if self.seen is None else self.seen[count:]
        return replace(self, count=self.count - count, columns=columns, seen=seen)

    def only(self, names: list[str]) -> Features:
        """A view with some of the columns."""
        return replace(self, columns={name: self.columns[name] for name in names})
