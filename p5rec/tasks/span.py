"""A span cut out of a text and asked for behind it, so that both sides count (T5; Raffel et al. 2020)."""

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
from p5rec.data.passages import Passages, in_words
from p5rec.data.ragged import Ragged, joined

BESIDE = 5  # things of a row besides the words of its text: START, the item, two BLANKs, the word that ends


class SpanConfig(Config):
    """Settings of span."""

    rows: int = Field(32, ge=1, description="texts of a batch")
    most: int = Field(48, ge=2, description="words of a text that are read")
    share: float = Field(0.3, gt=0, le=1, description="longest span, as a share of the words of its text")
    item: float = Field(0.5, ge=0, le=1, description="share of rows where the item stands in front of its text")


class Span(Task):
    """Cross-entropy of the words of the span: words … BLANK words … BLANK span END. There is no target."""

    Config = SpanConfig
    needs = (Speaks,)

    config: SpanConfig

    def __init__(self, config: SpanConfig, setting: Setting) -> None:
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
            raise StepsAside("task span learns from texts, and the data has none")
        return self._kept

    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass; a span of each text."""
        return -(-len(self.passages(dataset)) // self.config.rows)

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, None]:
        """Texts in random order, a span of each cut out anew in each pass.

        Raises:
            InputError: the model is not causal, so that it would see the words asked for.
        """
        if not model.causal:
            raise InputError(
                f"task span asks for words behind their text, so it needs a causal model, and "
                f"{type(model).__name__} is not"
            )
        passages, steps, words = self.passages(dataset), self.steps(dataset), dataset.words
        assert words is not None
        order, rng = seeds.rng(seed, "texts", step // steps).permutation(len(passages)), seeds.rng(seed, "span", step)
        written = passages.take(order[step % steps :: steps])
        room = self.config.most if model.length is None else min(self.config.most, max(model.length - BESIDE, 1))
        told = [[item] if rng.random() < self.config.item else [] for item in written.items]
        prompt = self._cut(Ragged.of(told), in_words(words, written.texts, room), words.end, rng)
        queries = Queries(np.full(len(told), -1), Ragged.of([[]] * len(told)), prompt=prompt)
        return collate(queries, model.length, asks="marked"), None

    def _cut(self, items: Ragged, text: Ragged, end: int, rng: np.random.Generator) -> Prompts:
        """Rows of a text without its span, and the span behind it."""
        count = len(text)
        longest = np.maximum(text.lengths * self.config.share, 1).astype(np.int64)
        long = np.minimum(rng.integers(1, longest + 1), text.lengths)
        begin = text.starts + rng.integers(0, text.lengths - long + 1)
        blank = Segment(Kind.BLANK, Ragged.table(np.zeros((count, 1), dtype=np.int64)))
        span = joined(Ragged(text.values, begin, begin + long), Ragged.table(np.full((count, 1), end)))
        return Prompts.laid(
            [
                Segment(Kind.ITEM, items),
                Segment(Kind.WORD, Ragged(text.values, text.starts, begin)),
                blank,
                Segment(Kind.WORD, Ragged(text.values, begin + long, text.stops)),
                blank,
                Segment(Kind.WORD, span, asked=True),
            ]
        )

    def loss(self, model: Model, stream: Stream, target: None) -> Tensor:
        """A scalar, 1 for a model that knows no word."""
        assert isinstance(model, Speaks)
        asked = stream.asks >= 0
        right = stream.values.gather(1, stream.asks.clamp(min=0))[asked]
        return losses.of_words(model.words(model.encode(stream))[asked], right)
