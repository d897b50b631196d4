"""What each placeholder of a template stands for, for a batch of events at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from p5rec.core.things import Kind
from p5rec.data.dataset import Dataset
from p5rec.data.events import Part
from p5rec.data.features import Kind as Column
from p5rec.data.knowledge import Knowledge
from p5rec.data.prompt import Segment
from p5rec.data.queries import Queries
from p5rec.data.ragged import Ragged, joined

FAVOUR = 0.75  # share of the way from the least to the greatest label, from which on an item is liked
TRIES = 24  # items drawn in search of one that fits
NOTHING = -1


@dataclass
class Fields:
    """The values of placeholders for N events.

    Attributes:
        knowledge: of the data.
        queries: the history of each event, the user, and nothing of the event itself.
        items: (N,) the item of each event.
        places: (N,) where each event stands in its columns; -1 where it is not known (a live prompt).
        rng: draws candidates and the like.
        given: segments that are given rather than looked up (live prompts).
    """

    knowledge: Knowledge
    queries: Queries
    items: np.ndarray
    places: np.ndarray
    rng: np.random.Generator
    given: Mapping[str, Segment] = field(default_factory=dict)

    def segment(self, name: str, asked: bool = False) -> Segment:
        """What a placeholder stands for."""
        if name in self.given:
            return self.given[name]
        if name.startswith("item."):
            return self._said(self._of_item(name[5:]), asked)
        made: Segment = getattr(self, f"_{name}")(asked)
        return made

    def words(self, text: str) -> Segment:
        """The same words in all prompts."""
        return self._said([text] * len(self.items), asked=False)

    # ------------------------------------------------------------ who and what

    def _user(self, asked: bool) -> Segment:
        return Segment(Kind.USER, Ragged.table(self.queries.users[:, None]))

    def _history(self, asked: bool) -> Segment:
        return Segment(Kind.ITEM, self.queries.history, history=True)

    def _item(self, asked: bool) -> Segment:
        return Segment(Kind.ITEM, Ragged.table(self.items[:, None]), asked=asked)

    def _rating(self, asked: bool) -> Segment:
        numbers = self._labels.astype(np.float32)
        return Segment(Kind.NUMBER, Ragged.table(np.zeros((len(numbers), 1), np.int64)), numbers=numbers, asked=asked)

    @cached_property
    def _labels(self) -> np.ndarray:
        return np.asarray(self.knowledge.dataset.events["label"][self.places])

    @cached_property
    def _favoured(self) -> np.ndarray:
        low, high = self.knowledge.span
        return self._labels >= low + FAVOUR * (high - low)

    def _liked(self, asked: bool) -> Segment:
        return self._said(["yes" if one else "no" for one in self._favoured], asked)

    def _sentiment(self, asked: bool) -> Segment:
        return self._said(["good" if one else "bad" for one in self._favoured], asked)

    # ------------------------------------------------------------ choices

    @cached_property
    def lists(self) -> np.ndarray:
        """(N, C) the item among drawn ones that are not in the history, in random order."""
        count = self.knowledge.candidates
        drawn = self._drawn(count - 1)
        rows = np.concatenate([self.items[:, None], drawn], axis=1)
        return np.take_along_axis(rows, self.rng.random(rows.shape).argsort(1), axis=1)

    def _drawn(self, count: int) -> np.ndarray:
        """(N, count) trained items, neither the item nor of the history, as far as a few tries find them."""
        pool = self.knowledge.trained
        drawn = self.rng.choice(pool, (len(self.items), count))
        row, seen = self.queries.history.flat()
        met = np.concatenate(
            [row * self.knowledge.dataset.n_items + seen, self._key(np.arange(len(self.items)), self.items)]
        )
        for _ in range(3):
            bad = np.isin(self._key(np.arange(len(drawn))[:, None], drawn), met)
            drawn[bad] = self.rng.choice(pool, int(bad.sum()))
        return drawn

    def _key(self, row: np.ndarray, items: np.ndarray) -> np.ndarray:
        return row * self.knowledge.dataset.n_items + items

    def _candidates(self, asked: bool) -> Segment:
        return Segment(Kind.ITEM, Ragged.table(self.lists))

    @cached_property
    def _true(self) -> np.ndarray:
        return self.rng.random(len(self.items)) < 0.5

    def _offered(self, asked: bool) -> Segment:
        offered = np.where(self._true, self.items, self._drawn(1)[:, 0])
        return Segment(Kind.ITEM, Ragged.table(offered[:, None]))

    def _whether(self, asked: bool) -> Segment:
        return self._said(["yes" if one else "no" for one in self._true], asked)

    # ------------------------------------------------------------ constraints

    def _category(self, asked: bool) -> Segment:
        chosen = [self._one(self._told(self.knowledge.categories[item])) for item in self.items]
        return self._named(chosen)

    def _absent(self, asked: bool) -> Segment:
        """A category the item does not have; half of the time one of what was met before."""
        every = np.flatnonzero(self.knowledge.told)
        chosen = []
        for item, history in zip(self.items, self.queries.history, strict=True):
            own = self.knowledge.categories[item]
            met = self.knowledge.categories.rows(history[-5:]).flat()[1] if len(history) else own[:0]
            near = np.setdiff1d(self._told(met), own)
            pool = near if len(near) and self.rng.random() < 0.5 else np.setdiff1d(every, own)
            chosen.append(self._one(pool))
        return self._named(chosen)

    def _alike(self, asked: bool) -> Segment:
        return self._other(lambda item, other: np.ones(len(other), dtype=bool))

    def _older(self, asked: bool) -> Segment:
        ages = self.knowledge.ages
        assert ages is not None
        return self._other(lambda item, other: ages[other] < ages[item])

    def _other(self, fits: Callable[[int, np.ndarray], np.ndarray]) -> Segment:
        """Of some drawn items that fit, the one that shares most categories with the item; none where none fits."""
        rows = []
        for item, drawn in zip(self.items, self._drawn(TRIES), strict=True):
            able = drawn[fits(int(item), drawn)]
            shared = [len(np.intersect1d(self.knowledge.categories[o], self.knowledge.categories[item])) for o in able]
            rows.append([able[int(np.argmax(shared))]] if len(able) and max(shared) else [])
        return Segment(Kind.ITEM, Ragged.of(rows))

    def _told(self, numbers: np.ndarray) -> np.ndarray:
        return numbers[self.knowledge.told[numbers]]

    def _one(self, numbers: np.ndarray) -> int:
        return int(self.rng.choice(numbers)) if len(numbers) else NOTHING

    def _named(self, chosen: list[int]) -> Segment:
        names = self.knowledge.spoken_names
        return Segment(Kind.WORD, Ragged.of([names[one] if one != NOTHING else [] for one in chosen]))

    # ------------------------------------------------------------ texts

    def _review(self, asked: bool) -> Segment:
        return self._said(self.knowledge.dataset.text("review", self.places), asked)

    def _headline(self, asked: bool) -> Segment:
        return self._said(self.knowledge.dataset.text("headline", self.places), asked)

    def _feature(self, asked: bool) -> Segment:
        return self._said([one[0] if one else None for one in self.knowledge.sentences(self.places)], asked)

    def _sentence(self, asked: bool) -> Segment:
        return self._said([one[1] if one else None for one in self.knowledge.sentences(self.places)], asked)

    def _of_item(self, name: str) -> list[str | None]:
        column = self.knowledge.dataset.item_features.columns[name]
        if isinstance(column.values, Ragged):
            return [" , ".join(column.levels[level] for level in column.values[item]) or None for item in self.items]
        values = column.values[self.items].tolist()
        if column.kind == Column.TEXT:
            return values
        return [column.levels[level] if level >= 0 else None for level in values]

    def _said(self, texts: Sequence[str | None], asked: bool) -> Segment:
        """Words, not too many; those that are asked for end with END."""
        words = self.knowledge.dataset.words
        assert words is not None
        rows = words.encode(list(texts))
        rows = Ragged(rows.values, rows.starts, np.minimum(rows.stops, rows.starts + self.knowledge.most))
        if asked:
            rows = joined(rows, Ragged.of([[words.end]] * len(rows)))
        return Segment(Kind.WORD, rows, asked=asked)


NUMBERS, ITEMS = ("rating",), ("item",)
WORDS = ("liked", "sentiment", "whether", "review", "headline", "feature", "sentence")
NAMES = (*ITEMS, *NUMBERS, *WORDS, "user", "history", "candidates", "offered", "category", "absent", "alike", "older")


def kind_of(name: str) -> Kind | None:
    """The kind of an answer; None where a placeholder cannot be asked for."""
    if name in ITEMS:
        return Kind.ITEM
    if name in NUMBERS:
        return Kind.NUMBER
    return Kind.WORD if name in WORDS or name.startswith("item.") else None


def before(dataset: Dataset, users: np.ndarray, places: np.ndarray) -> Queries:
    """What was known just before events at places: all of the user's events that are stored before it."""
    history = Ragged(dataset.events["item"], dataset.bounds[users, Part.TRAIN], places)
    return Queries(np.asarray(users, dtype=np.int64), history, dataset.side(history))
