"""Items and their texts: a text read alone finds its item, and an item its text (CLIP; Radford et al. 2021)."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec.blocks.contrast import in_batch
from p5rec.blocks.stream import Kind, Stream
from p5rec.collate import collate
from p5rec.contracts import Dataset, Factored, Model, Prompts, Queries, Segment, Setting, Speaks, StepsAside, Task
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.data.passages import Passages, in_words
from p5rec.data.ragged import Ragged


class ContrastConfig(Config):
    """Settings of contrast."""

    rows: int = Field(128, ge=2, description="items of a batch, which are told from each other")
    most: int = Field(32, ge=1, description="words of a text that are read")


class Contrast(Task):
    """Cross-entropy of the item of each text among those of the batch, and the other way round.

    The state behind the words alone meets the vectors of the catalogue, so it is learned where a question in words is
    answered with items. The target is the (N,) items, and which pairs (N, N) have the same text.
    """

    Config = ContrastConfig
    needs = (Factored, Speaks)

    config: ContrastConfig

    def __init__(self, config: ContrastConfig, setting: Setting) -> None:
        super().__init__(config, setting)
        self._kept: Passages | None = None

    def passages(self, dataset: Dataset) -> Passages:
        """The texts of items.

        Raises:
            StepsAside: fewer than two items have one.
        """
        if self._kept is None or self._kept.dataset is not dataset:
            self._kept = Passages(dataset)
        if dataset.words is None or len(self._kept.items) < 2:
            raise StepsAside("task contrast tells items by their texts, and fewer than two items have one")
        return self._kept

    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass over the items that have a text, at least two in each."""
        count = len(self.passages(dataset).items)
        return max(1, min(-(-count // self.config.rows), count // 2))

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, tuple[Tensor, Tensor]]:
        """Items in random order, their texts as prompts."""
        passages, steps, words = self.passages(dataset), self.steps(dataset), dataset.words
        assert words is not None
        order = seeds.rng(seed, "contrast", step // steps).permutation(passages.items)
        items = order[step % steps :: steps]
        rows = in_words(words, passages.told(items), self.config.most)
        queries = Queries(
            users=np.full(len(items), -1),
            history=Ragged.of([[]] * len(items)),
            prompt=Prompts.laid([Segment(Kind.WORD, rows)]),
        )
        grid = torch.from_numpy(rows.padded())
        twins = (grid.unsqueeze(1) == grid.unsqueeze(0)).all(-1)
        return collate(queries, model.length), (torch.from_numpy(items), twins)

    def loss(self, model: Model, stream: Stream, target: tuple[Tensor, Tensor]) -> Tensor:
        """A scalar, 1 for a model that tells nothing apart."""
        assert isinstance(model, Factored)
        read = model.vectors(model.encode(stream))[:, 0]
        return in_batch(read @ model.catalogue(target[0]).T, target[1])
