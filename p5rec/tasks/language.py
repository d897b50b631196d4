"""Language modelling of what is told of items and of what users wrote of them."""

from __future__ import annotations

import numpy as np
from pydantic import Field
from torch import Tensor

from p5rec.blocks import losses
from p5rec.blocks.stream import Kind, Stream
from p5rec.collate import collate
from p5rec.contracts import Dataset, Model, Prompts, Queries, Segment, Setting, Speaks, StepsAside, Task
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.data.passages import NOBODY, Passages, in_words
from p5rec.data.ragged import Ragged, joined


class LanguageConfig(Config):
    """Settings of language."""

    rows: int = Field(32, ge=1, description="texts of a batch")
    most: int = Field(48, ge=1, description="words of a text that are learned")


class Language(Task):
    """Cross-entropy of each word: ITEM words … of what is told of it, USER ITEM words … of what the user wrote.

    What a user wrote follows the name of its column (``review``, ``headline``) in words. There is no target: the
    words asked for stand in the stream.
    """

    Config = LanguageConfig
    needs = (Speaks,)

    config: LanguageConfig

    def __init__(self, config: LanguageConfig, setting: Setting) -> None:
        super().__init__(config, setting)
        self._kept: Passages | None = None

    def passages(self, dataset: Dataset) -> Passages:
        """The texts that are learned.

        Raises:
            StepsAside: the data has no text.
        """
        if self._kept is None or self._kept.dataset is not dataset:
            self._kept = Passages(dataset)
        if dataset.words is None or not len(self._kept):
            raise StepsAside("task language learns from texts, and the data has none")
        return self._kept

    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass; each text is read once."""
        return -(-len(self.passages(dataset)) // self.config.rows)

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, None]:
        """Texts in random order.

        Raises:
            InputError: the model is not causal, so that it would see the words asked for.
        """
        if not model.causal:
            raise InputError(
                f"task language asks for each word after those before it, so it needs a causal model, and "
                f"{type(model).__name__} is not"
            )
        passages, steps, words = self.passages(dataset), self.steps(dataset), dataset.words
        assert words is not None
        order = seeds.rng(seed, "language", step // steps).permutation(len(passages))
        written = passages.take(order[step % steps :: steps])
        ends = Ragged.table(np.full((len(written.items), 1), words.end))
        prompt = Prompts.laid(
            [
                Segment(Kind.USER, Ragged.of([[user] if user != NOBODY else [] for user in written.users])),
                Segment(Kind.ITEM, Ragged.table(written.items[:, None])),
                Segment(Kind.WORD, words.encode(list(written.names))),
                Segment(Kind.WORD, joined(in_words(words, written.texts, self.config.most), ends), asked=True),
            ]
        )
        queries = Queries(written.users, Ragged.of([[]] * len(written.items)), prompt=prompt)
        return collate(queries, model.length, asks="marked"), None

    def loss(self, model: Model, stream: Stream, target: None) -> Tensor:
        """A scalar, 1 for a model that knows no word."""
        assert isinstance(model, Speaks)
        asked = stream.asks >= 0
        right = stream.values.gather(1, stream.asks.clamp(min=0))[asked]
        return losses.of_words(model.words(model.encode(stream))[asked], right)
