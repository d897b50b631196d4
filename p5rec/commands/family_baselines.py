"""What a family has to beat, on the same held-out events: biases, words, copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np

from p5rec.commands.family_exam import Events, Exam, spoken
from p5rec.commands.family_marks import Answered
from p5rec.contracts import Dataset, Numbers, Texts
from p5rec.data.knowledge import Knowledge
from p5rec.evaluation import biases, copying, stars

Named = Iterator[tuple[str, Answered]]


class Baselines:
    """Simple models of the training rows, each fitted when first asked, with validation rows for their one knob.

    Attributes:
        chosen: the data with validation rows apart.
        final: what the tested models were fitted on.
        knowledge: of features and sentences.
    """

    def __init__(self, chosen: Dataset, final: Dataset, knowledge: Knowledge) -> None:
        self.chosen, self.final, self.knowledge = chosen, final, knowledge
        self._copiers: dict[str, copying.Copier] = {}

    def of(self, answer: str, family: str, exam: Exam) -> Named:
        """Name and answers of each baseline for what is asked."""
        if answer == "rating":
            users = exam.queries.users
            yield "tuned user + item bias", Numbers(self.bias.predict(users, exam.events.items)[:, None])
            if family == "review":
                texts = self._read(self.final, exam.events.places)
                yield "TF-IDF + ridge", Numbers(self.words.predict(texts)[:, None])
        elif answer in ("sentence", "headline"):
            yield from self._copies(answer, exam.events, exam.queries.users)

    @cached_property
    def bias(self) -> biases.Biases:
        """Strengths chosen on validation rows, biases of all rows the models were fitted on."""
        found = biases.fit(_rated(self.chosen, "train"), _rated(self.chosen, "valid"))
        return found if self.final is self.chosen else biases.solve(_rated(self.final, "train"), found.shrink)

    @cached_property
    def words(self) -> stars.Stars:
        """Stars from headline and review."""
        train, valid = (self._reviews(part) for part in ("train", "valid"))
        return stars.fit(*train, *valid)

    def _reviews(self, part: str) -> tuple[list[str], np.ndarray]:
        places = _places(self.chosen, part)
        return self._read(self.chosen, places), self.chosen.events["label"][places]

    def _read(self, dataset: Dataset, places: np.ndarray) -> list[str]:
        """Headline and review at places."""
        columns = [dataset.text(name, places) for name in ("headline", "review") if name in dataset.texts]
        return [" ".join(text or "" for text in row) for row in zip(*columns, strict=True)]

    def _copies(self, answer: str, events: Events, users: np.ndarray) -> Named:
        copier = self._copier(answer)
        yield "copy: of the item", Texts(spoken(self.final, copier.of_item(events.items)))
        yield "copy: of user and item", Texts(spoken(self.final, copier.of_user_and_item(users, events.items)))

    def _copier(self, answer: str) -> copying.Copier:
        if answer not in self._copiers:
            users, places = self.final.history("train").places()
            texts = self._sentences(places) if answer == "sentence" else self.final.text(answer, places)
            items = self.final.events["item"][places].astype(np.int64)
            self._copiers[answer] = copying.fit(users, items, [text or "" for text in texts])
        return self._copiers[answer]

    def _sentences(self, places: np.ndarray) -> list[str | None]:
        return [one[1] if one else None for one in self.knowledge.sentences(places)]


def _places(dataset: Dataset, part: str) -> np.ndarray:
    """Places of the rated events of a part."""
    first, last = {"train": (0, 1), "valid": (2, 3)}[part]
    rows = replace(dataset.history("train"), starts=dataset.bounds[:, first], stops=dataset.bounds[:, last])
    places = rows.places()[1]
    return np.asarray(places[np.isfinite(dataset.events["label"][places])])


def _rated(dataset: Dataset, part: str) -> biases.Rows:
    users, items, labels = dataset.pairs("train" if part == "train" else "valid")
    fine = np.isfinite(labels)
    return users[fine], items[fine], labels[fine]
