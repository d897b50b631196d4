"""The dataset artifact: columnar, memory-mapped; a history is a slice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import sparse

from p5rec.core import artifact
from p5rec.core.errors import InputError, nearest
from p5rec.data.edges import WithEvents
from p5rec.data.event_texts import TextColumn
from p5rec.data.events import Part
from p5rec.data.features import Features, Kind
from p5rec.data.names import TITLES, plain
from p5rec.data.phrases import Phrases
from p5rec.data.queries import Queries, Truth
from p5rec.data.ragged import Ragged, column
from p5rec.data.schema import Schema
from p5rec.data.told import told
from p5rec.data.vocabulary import Vocabulary
from p5rec.data.words import Words

HeldOut = Literal["valid", "test"]


@dataclass(frozen=True)
class Dataset:
    """Prepared data. Events are sorted by user, then part, then time, so each part of a user is a slice.

    Attributes:
        users, items: the vocabularies (every id of events and tables).
        events: aligned columns: ``item`` int32, ``time`` int64 seconds (-1 none), ``label`` float32, ``kind``
            uint8, and the context columns of the schema.
        bounds: (U, 6) int64: where TRAIN, GIVEN, VALID, TEST and UNUSED of each user begin, and the end.
        user_features, item_features: what is known of users and items, statistics fitted on training rows.
        schema: kinds and roles of the columns as read.
        facts: counts, ties, drops and reasons, repeat rate, how it was split: plain JSON values.
        texts: words written with the events (``review``, ``headline`` …), row n belongs to event n. They are outcomes
            of their event, of all parts: whoever trains on them takes those of training rows.
        phrases: the features that reviews name, fitted on training rows; None where there are no reviews.
        words: the word vocabulary, fitted on training text; None where the data was prepared without one.
        titles: (V,) a name to show for each item, its id where it has none.
    """

    users: Vocabulary
    items: Vocabulary
    events: Mapping[str, np.ndarray]
    bounds: np.ndarray
    user_features: Features
    item_features: Features
    schema: Schema
    facts: Mapping[str, Any]
    kinds: tuple[str, ...] = ("event",)
    target: int = 0
    seed: int = 0
    refitted: bool = field(default=False)
    texts: Mapping[str, TextColumn] = field(default_factory=dict)
    words: Words | None = None
    phrases: Phrases | None = None

    # ------------------------------------------------------------ sizes and statistics (training rows only)

    @property
    def n_users(self) -> int:
        """Users in the vocabulary."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Items in the vocabulary, V."""
        return len(self.items)

    @cached_property
    def training_items(self) -> np.ndarray:
        """(N,) int32 item of every training event, user after user."""
        return self.history("train").flat()[1]

    @cached_property
    def item_counts(self) -> np.ndarray:
        """(V,) int64 training events of the target kind of each item."""
        row, place = self.history("train").places()
        del row
        wanted = self.events["kind"][place] == self.target
        return np.bincount(self.events["item"][place][wanted], minlength=self.n_items)

    @cached_property
    def untrained_items(self) -> np.ndarray:
        """(N,) int64 items that occur in no training row."""
        return np.flatnonzero(np.bincount(self.training_items, minlength=self.n_items) == 0)

    @cached_property
    def known_items(self) -> Features:
        """What is known of items, whom the training events link them to, and which occur in one."""
        seen = np.ones(self.n_items, dtype=bool)
        seen[self.untrained_items] = False
        columns = WithEvents(self.item_features.columns, lambda: self._edges()[::-1], self.n_items)
        return replace(self.item_features, columns=columns, seen=seen, words=self.words)

    @cached_property
    def told_items(self) -> sparse.csr_array:
        """(V, F) float32, 1 where an item is told in a word or category, see `told`."""
        return told(self.known_items)

    @cached_property
    def known_users(self) -> Features:
        """What is known of users, what the training events link them to, and which have one."""
        columns = WithEvents(self.user_features.columns, self._edges, self.n_users)
        return replace(self.user_features, columns=columns, seen=self.history("train").lengths > 0, words=self.words)

    def _edges(self) -> np.ndarray:
        """(2, N) user and item of each training event."""
        return np.stack(self.history("train").flat())

    # ------------------------------------------------------------ slices

    def history(self, until: Literal["train", "valid", "test"] = "train", users: np.ndarray | None = None) -> Ragged:
        """Item rows of users (all by default): training rows; or all that may be seen when `until` is asked."""
        bounds = self.bounds if users is None else self.bounds[users]
        stop = {"train": Part.GIVEN, "valid": Part.VALID, "test": Part.TEST}[until]
        return Ragged(self.events["item"], bounds[:, Part.TRAIN], bounds[:, stop])

    def side(self, history: Ragged) -> dict[str, Ragged]:
        """The other event columns of the same slices."""
        return {name: column(history, values) for name, values in self.events.items() if name != "item"}

    def training(self, users: np.ndarray) -> Queries:
        """The training rows of users as queries (a task cuts them further)."""
        history = self.history("train", users)
        return Queries(users=np.asarray(users, dtype=np.int64), history=history, side=self.side(history))

    def latest(self, users: np.ndarray) -> Queries:
        """What comes next for users (numbers, or -1: nothing known), after all that is known of them."""
        users = np.asarray(users, dtype=np.int64)
        bounds = np.where(users[:, None] >= 0, self.bounds[users], 0)
        history = Ragged(self.events["item"], bounds[:, Part.TRAIN], bounds[:, -1])
        trained = bounds[:, Part.GIVEN] > bounds[:, Part.TRAIN]
        return Queries(users=np.where(trained, users, -1), history=history, side=self.side(history))

    def held_out(self, part: HeldOut) -> tuple[Queries, Truth]:
        """One query for each user with held-out events of the target kind, and what was right.

        The request's context is that of the first held-out event. Users in training keep their number; users
        without a training row are unknown.
        """
        begin, end = (Part.VALID, Part.TEST) if part == "valid" else (Part.TEST, Part.UNUSED)
        starts, stops = self.bounds[:, begin], self.bounds[:, end]
        items, labels, first = self._targets(starts, stops)
        asked = np.flatnonzero(items.lengths)
        history = self.history(part, asked)
        known = self.bounds[asked, Part.GIVEN] > self.bounds[asked, Part.TRAIN]
        queries = Queries(
            users=np.where(known, asked, -1),
            history=history,
            side=self.side(history),
            context={name: values[first[asked]] for name, values in self._context.items()},
        )
        return queries, Truth(items.rows(asked), labels.rows(asked))

    def pairs(self, part: Literal["train", "valid", "test"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Users (N,), items (N,) and labels (N,) of the events of a part, for ratings."""
        begin = {"train": Part.TRAIN, "valid": Part.VALID, "test": Part.TEST}[part]
        rows = Ragged(self.events["item"], self.bounds[:, begin], self.bounds[:, begin + 1])
        user, place = rows.places()
        return user, self.events["item"][place].astype(np.int64), self.events["label"][place]

    def text(self, name: str, places: np.ndarray) -> list[str | None]:
        """The texts of a column at (P,) places of the events; None where there is none, and at -1.

        Raises:
            InputError: the data has no such texts.
        """
        if name not in self.texts:
            raise InputError(f"the events of this data have no texts called {name!r}; {nearest(name, self.texts)}")
        return self.texts[name].take(places)

    def _targets(self, starts: np.ndarray, stops: np.ndarray) -> tuple[Ragged, Ragged, np.ndarray]:
        """Held-out events of the target kind (slices where all are, else copies) and the place of each row's first."""
        rows = Ragged(self.events["item"], starts, stops)
        if len(self.kinds) == 1:
            return rows, column(rows, self.events["label"]), starts
        row, place = rows.places()
        place, row = place[keep := self.events["kind"][place] == self.target], row[keep]
        ends = np.searchsorted(row, np.arange(len(starts)), side="right")
        begins = np.searchsorted(row, np.arange(len(starts)), side="left")
        first = np.append(place, 0)[begins]  # of no meaning for a row without a target
        items, labels = self.events["item"][place], self.events["label"][place]
        return Ragged(items, begins, ends), Ragged(labels, begins, ends), first

    @property
    def _context(self) -> dict[str, np.ndarray]:
        return {name: values for name, values in self.events.items() if name not in ("item", "label")}

    # ------------------------------------------------------------ views

    def merged(self) -> Dataset:
        """Training and validation rows as training rows (``fitted_on = "train+valid"``); test stays as it is.

        Given rows of users held out for the test are still not trained on.
        """
        bounds = self.bounds.copy()
        asked = bounds[:, Part.TEST] > bounds[:, Part.VALID]
        for part in (Part.GIVEN, Part.VALID):
            bounds[asked, part] = bounds[asked, Part.TEST]
        return replace(self, bounds=bounds, refitted=True)

    def folded(self) -> Dataset:
        """Training rows without each user's last one, which is the only held-out event (a part "valid").

        What a second stage learns on: first stages that are fitted on these rows have not seen what comes next. Users
        with a single training event keep it. No row that is held out of this dataset is in any part of the other.
        """
        first, end = self.bounds[:, Part.TRAIN], self.bounds[:, Part.GIVEN]
        last = np.where(end - first >= 2, end - 1, end)
        bounds = np.stack([first, last, last, end, end, end], axis=1)
        facts = {**self.facts, "fingerprint": f"{self.facts.get('fingerprint')}, without last training events"}
        return replace(self, bounds=bounds, facts=facts, refitted=True)

    # ------------------------------------------------------------ on disk

    @cached_property
    def titles(self) -> list[str]:
        """A name to show for each item: its text column called title, name or so, else its id."""
        keys: list[str] = self.items.all().to_pylist()
        texts = {plain(name): column for name, column in self.item_features.of_kind(Kind.TEXT).items()}
        column = next((texts[name] for name in TITLES if name in texts), None)
        return keys if column is None else [text or key for text, key in zip(column.values, keys, strict=True)]

    def describe(self) -> dict[str, str]:
        """What the data is, in a few lines: name of the line → text."""
        return described(self.facts)


def facts_of(folder: Path) -> dict[str, Any]:
    """The JSON facts of a dataset folder without opening its columns."""
    artifact.read_marker(folder, "dataset")
    path = folder / "facts.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: this dataset is damaged ({error}); prepare it again") from None
    return found


def described(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts of a dataset as lines to be printed."""
    dropped = [f"{one['rows']:,} rows in {one['stage']} ({one['reason']})" for one in facts.get("dropped", ())]
    parts = {name: count for name, count in facts.get("parts", {}).items() if count}
    label, time, texts = facts.get("label"), facts.get("time"), facts.get("texts") or {}
    lines = {
        "data": str((facts.get("source") or {}).get("name", "")),
        "events": f"{facts['events']:,} of {facts['users']:,} users with {facts['items']:,} items",
        "split": str((facts.get("split") or {}).get("name", "")),
        "parts": ", ".join(f"{count:,} {name}" for name, count in parts.items()),
        "density": f"{1 - facts['sparsity']:.3%}" if "sparsity" in facts else "",
        "label": f"{label['min']:g} to {label['max']:g}, mean {label['mean']:.2f}" if label else "",
        "time": f"{time['first']} to {time['last']}" if time else "",
        "texts": ", ".join(f"{one['count']:,} {name} of {one['words']:.0f} words" for name, one in texts.items()),
        "kinds": ", ".join(f"{count:,} {name}" for name, count in facts.get("kinds", {}).items()),
        "ties": f"{facts['ties']:.1%} of events share user and time with another" if time else "",
        "repeats": f"{facts['repeat_rate']:.1%} of training events repeat a user's item",
        "dropped": "; ".join(dropped) or "nothing",
        "notes": "; ".join(facts.get("notes", ())),
    }
    return {name: text for name, text in lines.items() if text}
