"""A family of prompts: each recommendation task as a question that one model answers (P5; Geng et al. 2022)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor

from p5rec.blocks import losses
from p5rec.blocks.stream import Stream
from p5rec.collate import collate
from p5rec.contracts import Dataset, Model, Prompted, Prompts, Queries, Setting, StepsAside, Task
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.core.things import ANSWERS, Kind
from p5rec.data import template as templates
from p5rec.data.fields import Fields, before
from p5rec.data.knowledge import Knowledge
from p5rec.data.ragged import Ragged

SPARE = 3  # events drawn for each that is wanted, as some lack what a wording tells
ANEW = 1_000_003  # steps further on, where none of them had it


class PromptConfig(Config):
    """Settings of a family of prompts."""

    family: str = Field(
        "sequential", min_length=1, description="a family that ships, or prompts/NAME.toml of the plugs"
    )
    rows: int = Field(64, ge=1, description="prompts of a batch")
    wordings: int = Field(4, ge=1, description="different wordings in a batch, at most")
    candidates: int = Field(20, ge=2, description="items of a list to choose from")
    most: int = Field(48, ge=1, description="words of a long text that are read or said")
    closed: tuple[str, ...] = Field((), description="names of categories that are never told (held out)")
    kinds: float = Field(0.1, ge=0, description="weight of telling which kind of answer is asked for")

    @field_validator("family")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            templates.family(name)
        except InputError as error:
            raise ValueError("; ".join(error.faults)) from None
        return name


@dataclass(frozen=True)
class Asked:
    """What the stream itself does not say of its answers.

    Attributes:
        candidates: (B, C) the items to choose from, -1 where the whole catalogue is.
        closed: items that are no choice, as they occur in no training row.
        variance: of the labels of all training rows.
    """

    candidates: Tensor
    closed: Tensor
    variance: float


class Prompt(Task):
    """Items, numbers and words that answer prompts about training events; wordings held out are never seen."""

    Config = PromptConfig
    needs = (Prompted,)

    config: PromptConfig

    def __init__(self, config: PromptConfig, setting: Setting) -> None:
        super().__init__(config, setting)
        self.wordings = [one for one in templates.family(config.family) if not one.held_out]
        self._kept: Knowledge | None = None

    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass: as many prompts as there are training events.

        Raises:
            StepsAside: the data can fill no wording of the family.
        """
        self.able(dataset)
        return max(1, -(-len(dataset.training_items) // self.config.rows))

    def knowledge(self, dataset: Dataset) -> Knowledge:
        """What is told of the data."""
        if self._kept is None or self._kept.dataset is not dataset:
            closed = frozenset(self.config.closed)
            self._kept = Knowledge(dataset, self.config.most, self.config.candidates, closed)
        return self._kept

    def able(self, dataset: Dataset) -> list[templates.Template]:
        """The wordings whose placeholders the data can fill.

        Raises:
            StepsAside: there is none.
        """
        known = self.knowledge(dataset)
        found = [one for one in self.wordings if all(known.able(name) for name in one.names)]
        if not found or dataset.words is None:
            lacking = sorted({name for one in self.wordings for name in one.names if not known.able(name)})
            raise StepsAside(
                f"no wording of the family {self.config.family!r} can be filled, as the data has no "
                f"{', '.join(lacking) or 'words'}"
            )
        return found

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Asked]:
        """Prompts of a few wordings about events in random order, each with what was known before its event.

        Raises:
            InputError: the model is not causal, so that it would see the answers.
        """
        if not model.causal:
            raise InputError(
                f"task prompt asks for what stands in its place, so it needs a causal model, and "
                f"{type(model).__name__} is not; train it on masked_item"
            )
        able, rng = self.able(dataset), seeds.rng(seed, "prompts", self.config.family, step)
        count = min(self.config.wordings, len(able))
        chosen = rng.permutation(len(able))[:count]
        queries, prompts, lists = [], [], []
        for number, events in zip(chosen, self._events(dataset, seed, step, count), strict=True):
            told = self._told(dataset, able[number], *events, rng)
            if told is not None:
                queries.append(told.queries)
                prompts.append(able[number].render(told))
                lists.append(told.lists if "candidates" in able[number].names else np.full((len(told.items), 1), -1))
        if not queries:
            return self.batch(dataset, model, seed, step + ANEW)
        stream = collate(_stacked(queries, prompts), model.length, asks="marked")
        return stream, Asked(_side_by_side(lists), torch.from_numpy(dataset.untrained_items), _variance(dataset))

    def _events(self, dataset: Dataset, seed: int, step: int, wordings: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Users and places of events for each wording, more than are wanted."""
        users, places = dataset.history("train").places()
        if len(dataset.kinds) > 1:
            right = dataset.events["kind"][places] == dataset.target
            users, places = users[right], places[right]
        rng = seeds.rng(seed, "events", self.config.family, step)
        for _ in range(wordings):
            drawn = rng.integers(len(places), size=SPARE * max(self.config.rows // wordings, 1))
            yield users[drawn], places[drawn]

    def _told(
        self,
        dataset: Dataset,
        wording: templates.Template,
        users: np.ndarray,
        places: np.ndarray,
        rng: np.random.Generator,
    ) -> Fields | None:
        """What a wording tells of those events that have it all; None where none has."""
        known, items = self.knowledge(dataset), dataset.events["item"][places].astype(np.int64)
        fine = np.flatnonzero(known.known(sorted(wording.names), items, places))[: len(places) // SPARE]
        if not len(fine):
            return None
        return Fields(known, before(dataset, users[fine], places[fine]), items[fine], places[fine], rng)

    def loss(self, model: Model, stream: Stream, target: Asked) -> Tensor:
        """A scalar, 1 for a model that knows nothing: the mean over prompts of items, numbers and words asked for."""
        assert isinstance(model, Prompted)
        state, asked = model.encode(stream), stream.asks >= 0
        place = stream.asks.clamp(min=0)
        kinds = stream.kinds.gather(1, place).masked_fill(~asked, Kind.PAD)
        values, numbers = stream.values.gather(1, place), stream.numbers.gather(1, place)
        parts: list[tuple[int, Tensor]] = []
        if (item := kinds == Kind.ITEM).any():
            parts += self._of_items(model, model.vectors(state)[item], values[item], target, item)
        if (word := kinds == Kind.WORD).any():
            parts.append((int(word.any(1).sum()), losses.of_words(model.words(_of(state, word))[0], values[word])))
        if (number := kinds == Kind.NUMBER).any():
            wrong = (model.number(state)[number].float() - numbers[number]).square().mean() / target.variance
            parts.append((int(number.sum()), wrong))
        total = torch.stack([count * loss for count, loss in parts]).sum() / sum(count for count, _ in parts)
        return (total + self.config.kinds * self._of_kinds(model.kinds(state), kinds)) / (1 + self.config.kinds)

    @staticmethod
    def _of_items(
        model: Prompted, vectors: Tensor, right: Tensor, target: Asked, asked: Tensor
    ) -> Iterator[tuple[int, Tensor]]:
        """Cross-entropies among the whole catalogue, and among candidates."""
        lists = target.candidates.unsqueeze(1).expand(-1, asked.shape[1], -1)[asked]
        limited = lists[:, 0] >= 0
        if (~limited).any():
            every, ones = model.catalogue(), right.new_ones(int((~limited).sum()), 1, dtype=torch.float32)
            full = losses.full_softmax(vectors[~limited], every, right[~limited].unsqueeze(1), ones, 0.0, target.closed)
            yield len(ones), full / math.log(len(every))
        if limited.any():
            logits = (model.catalogue(lists[limited]) @ vectors[limited].unsqueeze(-1)).squeeze(-1).float()
            place = (lists[limited] == right[limited].unsqueeze(1)).float().argmax(1)
            yield int(limited.sum()), F.cross_entropy(logits, place) / math.log(logits.shape[1])

    @staticmethod
    def _of_kinds(logits: Tensor, kinds: Tensor) -> Tensor:
        """Cross-entropy of the kind of the first answer of each prompt, 1 for one that knows nothing."""
        right = torch.stack([kinds[:, 0] == kind for kind in ANSWERS], dim=1).float().argmax(1)
        return F.cross_entropy(logits[:, 0].float(), right) / math.log(len(ANSWERS))


def _of(state: Any, asked: Tensor) -> Any:
    """The state of some asks (B, A) bool, all in one row: words of all others are no work then."""
    if isinstance(state, Mapping):
        return {name: _of(part, asked) for name, part in state.items()}
    return state[asked].unsqueeze(0)


def _stacked(queries: list[Queries], prompts: list[Prompts]) -> Queries:
    """One batch out of those of each wording; all histories are slices of the same columns."""
    rows = [one.history for one in queries]
    history = Ragged(rows[0].values, np.concatenate([r.starts for r in rows]), np.concatenate([r.stops for r in rows]))
    side = {name: replace(history, values=column.values) for name, column in queries[0].side.items()}
    return Queries(np.concatenate([one.users for one in queries]), history, side, prompt=Prompts.stacked(prompts))


def _side_by_side(lists: list[np.ndarray]) -> Tensor:
    """(B, C) candidates, those of wordings without any -1."""
    width = max(rows.shape[1] for rows in lists)
    return torch.from_numpy(
        np.concatenate([np.pad(r, ((0, 0), (0, width - r.shape[1])), constant_values=-1) for r in lists])
    )


def _variance(dataset: Dataset) -> float:
    labels = dataset.pairs("train")[2]
    labels = labels[np.isfinite(labels)].astype(np.float64)
    return float(labels.var()) or 1.0 if len(labels) else 1.0
