"""What a teacher answers, for a model to answer likewise: distillation of rankings.

After Hinton et al. 2015 (soft targets) and Tang & Wang 2018 (a ranking teaches by its first places).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec.blocks import losses
from p5rec.blocks.stream import Stream
from p5rec.collate import collate
from p5rec.contracts import Dataset, Factored, ItemLists, Model, Queries, Responder, Setting, Taught
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.data.facts import REPEATS
from p5rec.data.ragged import Ragged, columns

CHUNK = 4096  # questions answered at once
PASS, SMALL = 40, 32  # batches a pass has at least, where that leaves each of them `SMALL` questions


class DistillConfig(Config):
    """Settings of distill."""

    teacher: str = Field("", description="the responder or model whose answers are learned")
    depth: int = Field(50, ge=1, description="items of an answer that are learned, the best ones")
    fall: float = Field(1.0, ge=0, description="the item at place r of an answer counts r ** -fall")
    cuts: int = Field(2, ge=0, description="questions a user beside the whole history: parts of it, items left out")
    drop: float = Field(0.2, ge=0, lt=1, description="share of items left out of a part")
    longest: int = Field(50, ge=1, description="items of a question, the latest ones")
    rows: int = Field(512, ge=2, description="questions of a batch; fewer where data is small")


@dataclass(frozen=True)
class Answered:
    """What a teacher said to N questions: items (N, K) and how much each counts (N, K); `closed` are no choice."""

    items: Tensor
    weights: Tensor
    closed: Tensor


class Distill(Taught):
    """Cross-entropy with a teacher's best items for histories whose continuation is not told.

    A teacher knows the training rows by heart, so it is not asked for what they tell. The end of a whole training
    history is a question nobody knows the answer to. Behind a part of one, all other items of the user are left out
    of the answer; where people repeat items, parts are latest items only, whose continuation is unknown, too.
    """

    Config = DistillConfig
    needs = (Factored,)

    config: DistillConfig

    def __init__(self, config: DistillConfig, setting: Setting) -> None:
        super().__init__(config, setting)
        self.seed = setting.seed
        self._said: Mapping[str, np.ndarray] = {}
        self._order: tuple[tuple[int, int], list[np.ndarray]] | None = None

    # ------------------------------------------------------------ questions

    def ask(self, dataset: Dataset, teacher: Responder) -> dict[str, np.ndarray]:
        """``users`` (Q,), ``places`` (Q, L) of events, -1 behind a history's end, and ``items`` (Q, K), -1 pads."""
        users, places = self._questions(dataset)
        found = np.full((len(users), self.config.depth), -1, dtype=np.int32)
        rare = float(dataset.facts.get("repeat_rate", 0.0)) < REPEATS
        for start in range(0, len(users), CHUNK):
            rows = slice(start, start + CHUNK)
            asked = _queries(dataset, users[rows], places[rows])
            if rare:
                asked = asked.excluding(dataset.history("train", users[rows]))
            lists = teacher(asked, self.config.depth)
            assert isinstance(lists, ItemLists)
            found[rows] = lists.items
        return {"users": users, "places": places, "items": found}

    def _questions(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Users (Q,) and places (Q, L): whole histories first, then parts."""
        history = dataset.history("train")
        users = np.flatnonzero(history.lengths)
        whole = history.rows(users).last(self.config.longest)
        rng = seeds.rng(self.seed, "distill")
        rare = float(dataset.facts.get("repeat_rate", 0.0)) < REPEATS
        parts = [self._part(history.rows(users), rng, rare) for _ in range(self.config.cuts)]
        tables = [_places(whole), *parts]
        width = max(table.shape[1] for table in tables)
        wide = [np.pad(table, ((0, 0), (0, width - table.shape[1])), constant_values=-1) for table in tables]
        return np.tile(users, 1 + self.config.cuts), np.concatenate(wide)

    def _part(self, history: Ragged, rng: np.random.Generator, rare: bool) -> np.ndarray:
        """(Q, L) places of a part of each history: it begins anywhere and ends anywhere, some items are left out."""
        lengths = history.lengths
        stops = history.stops - (rng.integers(0, lengths) if rare else 0)
        starts = history.starts + (rng.random(len(lengths)) ** 3 * (stops - history.starts)).astype(np.int64)
        places = _places(Ragged(history.values, starts, stops).last(self.config.longest))
        gone = (rng.random(places.shape) < self.config.drop) & (places >= 0)
        gone[np.arange(len(places)), (places >= 0).sum(1) - 1] = False  # the latest item stays
        order = np.argsort(gone | (places < 0), axis=1, kind="stable")
        return np.take_along_axis(np.where(gone, -1, places), order, axis=1)

    def hear(self, dataset: Dataset, said: Mapping[str, np.ndarray]) -> None:
        """Take questions and answers."""
        self._said, self._order = said, None

    # ------------------------------------------------------------ training

    def steps(self, dataset: Dataset) -> int:
        """Batches of one pass over all questions."""
        count = int((dataset.history("train").lengths > 0).sum()) * (1 + self.config.cuts)
        return max(count // min(self.config.rows, max(count // PASS, SMALL)), 1)

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Answered]:
        """Questions of like length, each asked at its end."""
        steps = self.steps(dataset)
        rows = self._dealt(seed, step // steps, steps)[step % steps]
        asked = _queries(dataset, self._said["users"][rows], self._said["places"][rows])
        items = torch.from_numpy(self._said["items"][rows].astype(np.int64))
        closed = torch.from_numpy(dataset.untrained_items)
        counts = torch.arange(1, items.shape[1] + 1) ** -self.config.fall
        weights = counts * (items >= 0) * ~torch.isin(items, closed)
        return collate(asked, model.length), Answered(items.clamp(min=0), weights, closed)

    def _dealt(self, seed: int, number: int, steps: int) -> list[np.ndarray]:
        """The rows of each batch of a pass; the last pass asked for is kept."""
        if self._order is None or self._order[0] != (seed, number):
            rng = seeds.rng(seed, "questions", number)
            lengths = (np.asarray(self._said["places"]) >= 0).sum(1)
            batches = np.array_split(np.lexsort((rng.random(len(lengths)), lengths)), steps)
            self._order = (seed, number), [rng.permutation(batches[n]) for n in rng.permutation(steps)]
        return self._order[1]

    def loss(self, model: Model, stream: Stream, target: Answered) -> Tensor:
        """A scalar, 1 for a model that knows nothing."""
        assert isinstance(model, Factored)
        vectors = model.vectors(model.encode(stream)).squeeze(1)
        every = model.catalogue()
        each = target.weights / target.weights.sum(1, keepdim=True).clamp(min=1e-9)
        loss = losses.full_softmax(vectors, every, target.items, each, closed=target.closed)
        return loss / math.log(max(len(every), 2))


def _places(rows: Ragged) -> np.ndarray:
    """(Q, L) places in the values of each row, -1 behind its end."""
    place = rows.starts[:, None] + np.arange(int(rows.lengths.max(initial=1)))
    found: np.ndarray = np.where(place < rows.stops[:, None], place, -1)
    return found


def _queries(dataset: Dataset, users: np.ndarray, places: np.ndarray) -> Queries:
    """Histories made of places (Q, L) of the events."""
    lengths = (places >= 0).sum(1)
    stops = np.cumsum(lengths)
    flat = np.asarray(places)[places >= 0]
    history = Ragged(dataset.events["item"][flat], stops - lengths, stops)
    others = {name: values[flat] for name, values in dataset.events.items() if name != "item"}
    return Queries(users=np.asarray(users, dtype=np.int64), history=history, side=columns(history, others))
