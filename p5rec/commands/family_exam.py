"""Exams of one family of prompts: held-out events as prompts without their answers, and what was right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from p5rec.contracts import Dataset, Queries, Truth
from p5rec.core import seed as seeds
from p5rec.core.things import Kind
from p5rec.data.events import Part
from p5rec.data.fields import Fields, kind_of
from p5rec.data.knowledge import Knowledge
from p5rec.data.prompt import Prompts
from p5rec.data.ragged import Ragged
from p5rec.data.template import Template

FLUENT = ("sentence", "headline", "review")  # texts of people, of which no two are alike


@dataclass(frozen=True)
class Events:
    """N held-out events.

    Attributes:
        users, items: (N,) numbers.
        places: (N,) where each stands in the event columns.
    """

    users: np.ndarray
    items: np.ndarray
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    def rows(self, chosen: np.ndarray) -> Events:
        """The chosen events."""
        return Events(self.users[chosen], self.items[chosen], self.places[chosen])


@dataclass(frozen=True)
class Exam:
    """Prompts without answers, and the answers.

    Attributes:
        events: (Q) asked about.
        queries: with prompts; with candidates, where the prompts name some.
        truth: item and label of each event; texts, where words are asked for.
        kind: of all answers.
    """

    events: Events
    queries: Queries
    truth: Truth
    kind: Kind

    @cached_property
    def bare(self) -> Queries:
        """The same queries without a prompt: what other models are asked."""
        return replace(self.queries, prompt=None)

    def shuffled(self, seed: int, across: bool = False) -> Exam:
        """The same exam with the words of each prompt in random order, or (`across`) dealt out among all prompts."""
        assert self.queries.prompt is not None
        prompt = shuffled(self.queries.prompt, seeds.rng(seed, "shuffled words"), across)
        return replace(self, queries=replace(self.queries, prompt=prompt))


def held_out(dataset: Dataset, most: int, seed: int) -> Events:
    """Test events of the target kind, a seeded sample of at most `most`, in random order."""
    rows = Ragged(dataset.events["item"], dataset.bounds[:, Part.TEST], dataset.bounds[:, Part.UNUSED])
    users, places = rows.places()
    right = np.flatnonzero(dataset.events["kind"][places] == dataset.target)
    chosen = seeds.rng(seed, "exam").permutation(right)[:most]
    return Events(users[chosen], dataset.events["item"][places[chosen]].astype(np.int64), places[chosen])


def before(dataset: Dataset, events: Events) -> Queries:
    """What was known before the test: users without a training row are unknown, no test event is in a history."""
    history = dataset.history("test", events.users)
    bounds = dataset.bounds[events.users]
    known = bounds[:, Part.GIVEN] > bounds[:, Part.TRAIN]
    return Queries(np.where(known, events.users, -1), history, dataset.side(history))


def exam(knowledge: Knowledge, wordings: Sequence[Template], events: Events, seed: int) -> Exam:
    """Events dealt out among wordings that ask for the same; candidates and yes or no depend on the seed only."""
    dataset = knowledge.dataset
    queries = before(dataset, events)
    fields = Fields(knowledge, queries, events.items, events.places, seeds.rng(seed, "exam fields"))
    blocks = np.array_split(np.arange(len(events)), len(wordings))
    lists = Ragged.table(fields.lists) if "candidates" in wordings[0].names else None
    texts = wanted(fields, wordings[0].answer)
    prompts = [one.render(fields).rows(block) for one, block in zip(wordings, blocks, strict=True)]
    kind = kind_of(wordings[0].answer)
    assert kind is not None
    return Exam(
        events,
        replace(queries, prompt=Prompts.stacked(prompts).without_answers(), candidates=lists),
        Truth(Ragged.table(events.items[:, None]), Ragged.table(_labels(dataset, events)[:, None]), texts=texts),
        kind,
    )


def wanted(fields: Fields, answer: str) -> tuple[str, ...] | None:
    """(Q) the texts that are right, as the vocabulary can say them; None where no words are asked for."""
    if kind_of(answer) != Kind.WORD:
        return None
    dataset = fields.knowledge.dataset
    if answer == "sentence":
        return spoken(dataset, [one[1] if one else None for one in fields.knowledge.sentences(fields.places)])
    if answer in FLUENT:
        return spoken(dataset, dataset.text(answer, fields.places))
    assert dataset.words is not None
    return tuple(dataset.words.decode(list(fields.segment(answer).rows)))


def spoken(dataset: Dataset, texts: Sequence[str | None]) -> tuple[str, ...]:
    """Texts as the vocabulary writes them (case, spaces), so that only words count, whoever wrote them."""
    assert dataset.words is not None
    return tuple(dataset.words.decode(list(dataset.words.encode(list(texts)))))


def shuffled(prompts: Prompts, rng: np.random.Generator, across: bool = False) -> Prompts:
    """The same prompts with their words in another order; all other things stay where they are."""
    whole = prompts.compact()
    at = np.flatnonzero(whole.kinds == Kind.WORD)
    row = np.zeros(len(at)) if across else whole.cells()[0][at]
    values = whole.values.copy()
    values[at] = whole.values[at[np.lexsort((rng.random(len(at)), row))]]
    return replace(whole, values=values)


def _labels(dataset: Dataset, events: Events) -> np.ndarray:
    return np.asarray(dataset.events["label"][events.places], dtype=np.float32)
