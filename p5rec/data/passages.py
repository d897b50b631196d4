"""Texts that may be learned from: what is told of items, and what was written with training events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from p5rec.data.dataset import Dataset
from p5rec.data.features import Column, Kind
from p5rec.data.ragged import Ragged
from p5rec.data.words import Words

SPOKEN = (Kind.TEXT, Kind.CATEGORY, Kind.LIST)  # columns of items that are words
NOBODY = -1


@dataclass(frozen=True)
class Written:
    """Some texts.

    Attributes:
        users, items: (N,) who wrote each (-1: nobody, it is told of the item) and of which item.
        names: (N,) of the column each stands in, "" for what is told of an item.
        texts: (N,) as written.
    """

    users: np.ndarray
    items: np.ndarray
    names: list[str]
    texts: list[str]


class Passages:
    """The texts of a dataset, numbered: those of all items, then those of training events, column by column."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    @cached_property
    def items(self) -> np.ndarray:
        """Numbers of the items of which anything is told; they are identity, so items of all rows are."""
        found = np.zeros(self.dataset.n_items, dtype=bool)
        for column in self.dataset.item_features.of_kind(*SPOKEN).values():
            found |= _told(column)
        return np.flatnonzero(found)

    @cached_property
    def _numbered(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(N,) number of the column (-1: of the item table), item or place, and user of each text."""
        users, places = self.dataset.history("train").places()
        columns, which, who = [np.full(len(self.items), -1)], [self.items], [np.full(len(self.items), NOBODY)]
        for number, column in enumerate(self.dataset.texts.values()):
            known = np.asarray(column.known[places])
            columns.append(np.full(int(known.sum()), number))
            which.append(places[known])
            who.append(users[known])
        return np.concatenate(columns), np.concatenate(which), np.concatenate(who)

    def __len__(self) -> int:
        return len(self._numbered[0])

    def take(self, chosen: np.ndarray) -> Written:
        """The chosen texts, in that order but those of the same column side by side."""
        columns, which, users = (values[chosen] for values in self._numbered)
        order, names, texts, items = np.argsort(columns, kind="stable"), [], [], []
        for number, name in enumerate(("", *self.dataset.texts), start=-1):
            own = which[columns == number]
            texts += [text or "" for text in (self.dataset.text(name, own) if name else self.told(own))]
            items.append(self.dataset.events["item"][own].astype(np.int64) if name else own)
            names += [name] * len(own)
        return Written(users[order], np.concatenate(items), names, texts)

    def told(self, items: np.ndarray) -> list[str]:
        """All that is told of each item in words: its texts, then its categories."""
        columns = self.dataset.item_features.of_kind(*SPOKEN)
        parts = [_spoken(one, items) for kind in SPOKEN for one in columns.values() if one.kind == kind]
        return [" . ".join(part for part in row if part) for row in zip(*parts, strict=True)]


def in_words(words: Words, texts: Sequence[str], most: int) -> Ragged:
    """Rows of the first `most` words of each text."""
    rows = words.encode(list(texts))
    return Ragged(rows.values, rows.starts, np.minimum(rows.stops, rows.starts + most))


def _told(column: Column) -> np.ndarray:
    """(N,) bool: rows that have a value."""
    if isinstance(column.values, Ragged):
        return np.asarray(column.values.lengths > 0)
    if column.kind == Kind.TEXT:
        return np.array([bool(text) for text in column.values], dtype=bool)
    return np.asarray(column.values >= 0)


def _spoken(column: Column, items: np.ndarray) -> list[str]:
    """The value of each item in words."""
    if isinstance(column.values, Ragged):
        return [" , ".join(column.levels[level] for level in column.values[item]) for item in items]
    if column.kind == Kind.TEXT:
        return [text or "" for text in column.values[items]]
    return [column.levels[level] if level >= 0 else "" for level in column.values[items]]
