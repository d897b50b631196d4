"""Allow and deny lists: what the shop wants shown, whatever a model says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import Field

from p5rec.contracts import Dataset, ItemLists, Queries, Responder
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError, nearest
from p5rec.data.answers import reasoned, top
from p5rec.data.features import Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.data.vocabulary import Vocabulary

CHUNK = 512  # queries at once


class Rules(Responder):
    """The inner ranking without what the lists leave out.

    Raises:
        InputError: entries that are not known, a file that cannot be read, or nothing left; all together.

    Attributes:
        allowed: (V,) bool: items on the allow list, or all without one; less those on the deny list.
    """

    class Config(Settings):
        """Settings of the rules."""

        allow: tuple[str, ...] = Field((), description="only these items (or values of `column`); empty allows all")
        deny: tuple[str, ...] = Field((), description="never these items (or values of `column`)")
        allow_file: Path | None = Field(None, description="further entries of `allow`, one a line")
        deny_file: Path | None = Field(None, description="further entries of `deny`, one a line")
        column: str = Field("", description="category column of the items that the lists name; empty: item ids")

    parts = (1, 1)
    outside = True

    def __init__(self, config: Config, inner: Mapping[str, Responder], dataset: Dataset) -> None:
        (self.inner,) = inner.values()
        self.reads = self.inner.reads
        faults: list[str] = []
        allow = _entries("allow", config.allow, config.allow_file, faults)
        deny = _entries("deny", config.deny, config.deny_file, faults)
        find = (
            partial(_by_value, dataset.item_features, config.column)
            if config.column
            else partial(_by_id, dataset.items)
        )
        self.allowed = find("allow", allow, faults) if allow else np.ones(dataset.n_items, dtype=bool)
        self.allowed = self.allowed & ~find("deny", deny, faults) if deny else self.allowed
        if not faults and not self.allowed.any():
            faults.append(f"rules: the lists leave none of {dataset.n_items} items; shorten deny or lengthen allow")
        if faults:
            raise InputError(faults)

    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        """The k best allowed items; all scores, -inf where not allowed, with ``k = None``."""
        if k is None:
            return self._masked(queries)
        starts = range(0, max(len(queries), 1), CHUNK)
        parts = [self._masked(queries.rows(slice(start, start + CHUNK))) for start in starts]
        best = [reasoned(top(part.items, part.scores, k), k, len(self.allowed)) for part in parts]
        lists = ItemLists(np.concatenate([one.items for one in best]), np.concatenate([one.scores for one in best]))
        return reasoned(lists, k, len(self.allowed), queries.candidates)

    def _masked(self, queries: Queries) -> ItemLists:
        answer = self.inner(queries, None)
        assert isinstance(answer, ItemLists)
        return ItemLists(answer.items, np.where(self.allowed[answer.items], answer.scores, -np.inf))


def _entries(name: str, given: Iterable[str], file: Path | None, faults: list[str]) -> list[str]:
    """The entries of a list and of its file, without blank lines."""
    lines: list[str] = []
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{name}_file: {file} cannot be read ({error}); expected a text file with one entry a line")
    return [*given, *(line.strip() for line in lines if line.strip())]


def _by_id(items: Vocabulary, name: str, entries: list[str], faults: list[str]) -> np.ndarray:
    """(V,) bool the items with these ids."""
    numbers = items.numbers(entries)
    unknown = [entry for entry, number in zip(entries, numbers, strict=True) if number < 0]
    faults += [f"{name}: item {entry!r} is not in the catalogue of {len(items)} items" for entry in unknown]
    mask = np.zeros(len(items), dtype=bool)
    mask[numbers[numbers >= 0]] = True
    return mask


def _by_value(features: Features, column: str, name: str, entries: list[str], faults: list[str]) -> np.ndarray:
    """(V,) bool the items that have one of these values in a column of categories or lists."""
    known = features.of_kind(Kind.CATEGORY, Kind.LIST)
    if column not in known:
        fault = f"column: there is no category column {column!r} of items; {nearest(column, known)}"
        faults += [] if fault in faults else [fault]
        return np.ones(features.count, dtype=bool)
    levels, values = known[column].levels, known[column].values
    faults += [
        f"{name}: no item has the {column} {entry!r}; {nearest(entry, levels)}"
        for entry in entries
        if entry not in levels
    ]
    wanted = np.array([level in entries for level in levels], dtype=bool)
    if isinstance(values, Ragged):
        row, level = values.flat()
        return np.bincount(row[wanted[level]], minlength=features.count) > 0
    return np.append(wanted, False)[values]
