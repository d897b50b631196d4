"""What prompts tell of a data set besides its columns; fitted on training rows and the item table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from p5rec.data.dataset import Dataset
from p5rec.data.features import Kind as Column
from p5rec.data.phrases import Phrases
from p5rec.data.ragged import Ragged, joined


@dataclass(frozen=True)
class Knowledge:
    """Facts of a dataset, each made when first looked at.

    Attributes:
        dataset: the data.
        most: words of a long text that are told.
        candidates: items of a list of candidates.
        closed: names of categories that are never told (held out, to see whether they steer all the same).
    """

    dataset: Dataset
    most: int = 48
    candidates: int = 20
    closed: frozenset[str] = frozenset()
    _kept: dict[int, tuple[str, str] | None] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def span(self) -> tuple[float, float]:
        """Least and greatest training label."""
        labels = self.dataset.pairs("train")[2]
        labels = labels[np.isfinite(labels)]
        return (float(labels.min()), float(labels.max())) if len(labels) else (0.0, 0.0)

    @cached_property
    def trained(self) -> np.ndarray:
        """(N,) items that occur in training rows."""
        return np.setdiff1d(np.arange(self.dataset.n_items), self.dataset.untrained_items)

    @cached_property
    def names(self) -> list[str]:
        """(K,) names of all categories of items, of all columns."""
        features = self.dataset.item_features
        return [level for column in features.of_kind(Column.CATEGORY, Column.LIST).values() for level in column.levels]

    @cached_property
    def spoken_names(self) -> Ragged:
        """K rows of words."""
        assert self.dataset.words is not None
        return self.dataset.words.encode(self.names)

    @cached_property
    def categories(self) -> Ragged:
        """V rows of numbers in `names`."""
        total, rows = 0, Ragged.of([[]] * self.dataset.n_items)
        for column in self.dataset.item_features.of_kind(Column.CATEGORY, Column.LIST).values():
            values = column.values
            if not isinstance(values, Ragged):
                values = Ragged.of([[level] if level >= 0 else [] for level in values])
            rows = joined(rows, Ragged(values.values + total, values.starts, values.stops))
            total += len(column.levels)
        return rows

    @cached_property
    def told(self) -> np.ndarray:
        """(K,) bool: categories that are told."""
        return np.array([name not in self.closed for name in self.names], dtype=bool)

    @cached_property
    def ages(self) -> np.ndarray | None:
        """(V,) how new each item is, NaN where not known; None where the data does not tell."""
        features = self.dataset.item_features
        for column in features.of_kind(Column.TIME).values():
            times = np.asarray(column.values, dtype=np.float64)
            return np.where(times == -1, np.nan, times)
        years = [c for n, c in features.of_kind(Column.NUMBER).items() if "year" in n.lower() or "date" in n.lower()]
        return np.asarray(years[0].values, dtype=np.float64) if years else None

    def able(self, name: str) -> bool:
        """Whether the data can fill a placeholder at all."""
        data, low, high = self.dataset, *self.span
        if name.startswith("item."):
            return name[5:] in data.item_features.columns
        if name in ("rating", "liked", "sentiment"):
            return low < high
        if name in ("review", "headline"):
            return name in data.texts
        if name in ("feature", "sentence"):
            return "review" in data.texts and bool(self.phrases.features)
        if name in ("category", "absent", "alike"):
            return bool(self.names)
        return self.ages is not None and bool(self.names) if name == "older" else True

    def known(self, names: Sequence[str], items: np.ndarray, places: np.ndarray) -> np.ndarray:
        """(N,) bool: events for which every placeholder has a value."""
        fine = np.ones(len(places), dtype=bool)
        for name in names:
            if name in ("rating", "liked", "sentiment"):
                fine &= np.isfinite(self.dataset.events["label"][places])
            elif name in ("review", "headline"):
                fine &= self.dataset.texts[name].known[places]
            elif name in ("feature", "sentence"):
                fine &= np.array([one is not None for one in self.sentences(places)], dtype=bool)
            elif name in ("category", "alike", "older"):
                fine &= self.categories.lengths[items] > 0
        return fine

    @cached_property
    def phrases(self) -> Phrases:
        """The features that training reviews speak of, those of the dataset where it has them."""
        if self.dataset.phrases is not None:
            return self.dataset.phrases
        places = self.dataset.history("train").places()[1]
        return Phrases.fit(text for text in self.dataset.text("review", places) if text)

    def sentences(self, places: np.ndarray) -> list[tuple[str, str] | None]:
        """Feature and sentence of the reviews at places; None where a review has none."""
        new = np.array([place for place in places.tolist() if place not in self._kept], dtype=np.int64)
        for place, text in zip(new.tolist(), self.dataset.text("review", new), strict=True):
            self._kept[place] = self.phrases.found(text) if text else None
        return [self._kept[place] for place in places.tolist()]
