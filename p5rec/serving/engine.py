"""What answers now: a dataset, a responder, and what speaks for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from p5rec.contracts import Dataset, ItemLists, Queries, Responder, Texts
from p5rec.data.answers import NOTHING, Replies
from p5rec.data.live import Parts
from p5rec.serving.answer import Scored
from p5rec.serving.questions import Ground


class Answering(Protocol):
    """Answers prompts with items, a number or words, as each asks."""

    def __call__(self, queries: Queries, k: int | None) -> Replies:
        """What each prompt asks for."""

    def texts(self, queries: Queries) -> Texts:
        """Words, whatever it asks for."""


@dataclass(frozen=True)
class Speaker:
    """What of a run understands words.

    Attributes:
        answers: answers prompts; None: no model of the run does.
        explaining: a wording that asks for an explanation; None: no model was trained on explanations.
        featured: one that also names a feature.
        steered: the serving responder reads instructions.
    """

    answers: Answering | None = None
    explaining: Parts | None = None
    featured: Parts | None = None
    steered: bool = False


@dataclass(frozen=True)
class Engine:
    """What answers now; replaced as a whole when items join."""

    dataset: Dataset
    responder: Responder
    speaker: Speaker = field(default_factory=Speaker)

    @cached_property
    def ground(self) -> Ground:
        """What live events are put on."""
        return Ground(self.dataset)

    def scored(self, lists: ItemLists, because: np.ndarray | None = None) -> list[list[Scored]]:
        """Lists with outside ids, titles and reasons."""
        row, place = np.nonzero((lists.items != NOTHING) & np.isfinite(lists.scores))
        numbers = lists.items[row, place]
        reasons = [None] * len(row) if because is None else self.keys(because[row, place])
        told: list[list[Scored]] = [[] for _ in range(len(lists))]
        columns = (row.tolist(), self.dataset.items.keys(numbers), lists.scores[row, place].tolist(), numbers, reasons)
        for where, key, score, number, why in zip(*columns, strict=True):
            told[where].append(Scored(item_id=key, score=score, title=self.dataset.titles[number], because=why))
        return told

    def keys(self, numbers: np.ndarray) -> list[str | None]:
        """Ids, None for `NOTHING`."""
        return [None if number == NOTHING else self.dataset.items.key(number) for number in numbers]
