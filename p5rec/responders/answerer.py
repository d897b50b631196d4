"""Answers to prompts: items, a number or words, as the prompt itself asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from pydantic import Field
from torch import Tensor

from p5rec.blocks.inference import alike, at_rest, device_of
from p5rec.blocks.stream import Stream
from p5rec.contracts import Dataset, ItemLists, Model, Prompted, Queries, Responder, Texts, collate
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.core.things import ANSWERS, Kind
from p5rec.data.answers import NOTHING, Replies


class Answerer(Responder):
    """A model that reads prompts, and a responder that ranks items for those which ask for items.

    Attributes:
        model: a model with the power `Prompted`.
        ranker: what ranks; it is given the same queries.
    """

    class Config(Settings):
        """Settings of answering."""

        limit: int = Field(40, ge=1, description="words of a text, at most")
        seconds: float = Field(20.0, gt=0, description="after so long all texts of a batch end where they are")
        top_p: float = Field(0.0, ge=0, le=1, description="share of the probability words are drawn from; 0 is greedy")
        seed: int = Field(0, ge=0, description="of the draws")
        rows: int = Field(256, ge=1, description="prompts read at once")

    internal = True

    def __init__(self, config: Config, inner: Mapping[str, Model | Responder], dataset: Dataset) -> None:
        model, self.ranker = inner["model"], inner["ranker"]
        if not isinstance(model, Prompted) or dataset.words is None:
            raise InputError(
                f"answerer: {type(model).__name__} answers no prompts, or the data has no words; train p5 on prompts"
            )
        self.model, self.config, self.words = model, config, dataset.words

    def __call__(self, queries: Queries, k: int | None) -> Replies:
        """What each prompt asks for; `k` items where it asks for items."""
        kinds = self.kinds(queries)
        count, short = len(queries), dict[int, str]()
        lists = ItemLists(np.full((count, k or 1), NOTHING), np.full((count, k or 1), -np.inf, np.float32))
        numbers, texts = np.full(count, np.nan, dtype=np.float32), [""] * count
        for kind in ANSWERS:
            rows = np.flatnonzero(kinds == kind)
            if not len(rows):
                continue
            part = queries.rows(rows)
            if kind == Kind.ITEM:
                found = self.items(part, k or 1)
                lists.items[rows], lists.scores[rows] = found.items, found.scores
                short.update({int(rows[row]): why for row, why in found.short.items()})
            elif kind == Kind.NUMBER:
                numbers[rows] = self.numbers(part)
            else:
                for row, text in zip(rows, self.texts(part).values, strict=True):
                    texts[row] = text
        lists = ItemLists(lists.items, lists.scores, short)
        return Replies(kinds, lists, numbers, Texts(tuple(texts)))

    def kinds(self, queries: Queries) -> np.ndarray:
        """(Q,) the kind of answer that each prompt asks for."""
        order = np.array([int(kind) for kind in ANSWERS])
        return order[self._each(queries, lambda stream: self.model.kinds(self.model.encode(stream))[:, 0].argmax(1))]

    def items(self, queries: Queries, k: int) -> ItemLists:
        """The k best items for each prompt."""
        found = self.ranker(queries, k)  # type: ignore[operator]
        assert isinstance(found, ItemLists)
        return found

    def numbers(self, queries: Queries) -> np.ndarray:
        """(Q,) the number for each prompt."""
        return self._each(queries, lambda stream: self.model.number(self.model.encode(stream))[:, 0].float())

    def texts(self, queries: Queries) -> Texts:
        """The text for each prompt."""
        said = [""] * len(queries)
        with at_rest(self.model):
            for rows in self._batches(queries):
                stream = self._stream(queries.rows(rows))
                limit, top_p, seed = self.config.limit, self.config.top_p, self.config.seed
                words, lengths = self.model.generate(stream, limit, top_p, seed, self.config.seconds)
                spoken = [row[:length] for row, length in zip(words.tolist(), lengths.tolist(), strict=True)]
                for row, text in zip(rows, self.words.decode(spoken), strict=True):
                    said[row] = text
        return Texts(tuple(said))

    def _each(self, queries: Queries, answer: Callable[[Stream], Tensor]) -> np.ndarray:
        """(Q,) what a model says of each prompt, in batches of like length."""
        found: list[np.ndarray] = []
        batches = list(self._batches(queries))
        with at_rest(self.model):
            found = [answer(self._stream(queries.rows(rows))).numpy(force=True) for rows in batches]
        if not found:
            return np.zeros(0, dtype=np.int64)
        order = np.concatenate(batches)
        out = np.empty(len(order), dtype=found[0].dtype)
        out[order] = np.concatenate(found)
        return out

    def _batches(self, queries: Queries) -> list[np.ndarray]:
        lengths = queries.history.lengths if queries.prompt is None else queries.prompt.lengths
        return list(alike(lengths, lambda longest: self.config.rows))

    def _stream(self, queries: Queries) -> Stream:
        return collate(queries, self.model.length).to(device_of(self.model))
