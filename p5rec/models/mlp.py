"""A multi-layer perceptron on the vector of an item: of a text, the mean of its words (Iyyer et al. 2015)."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from p5rec.blocks.sized import longer
from p5rec.blocks.speaking import spoken
from p5rec.blocks.stream import Kind, Stream, at
from p5rec.contracts import Bound, Dataset, Estimates, Grows, Setting, Speaks
from p5rec.core.config import Config

UNKNOWN = -1


class MlpConfig(Config):
    """Settings of mlp."""

    width: int = Field(64, ge=1, description="width of the vectors of words and items")
    hidden: tuple[int, ...] = Field((128,), min_length=1, description="widths of the hidden layers")
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout before each layer")
    length: int = Field(64, ge=2, description="at most so many things of a stream are read")


class Mlp(Estimates, Speaks, Grows, Bound):
    """mean + deviation · net(item), whoever is asked; the same net says the words of an item, and so learns unlabelled.

    The state of an ask is the last item before it, and the mean of the words before it.
    """

    Config = MlpConfig
    learns = {"rating": {}}  # noqa: RUF012
    claims = ("words_decide",)
    scale: Tensor

    def __init__(self, config: MlpConfig, setting: Setting) -> None:
        super().__init__()
        self.config, self.length, self.end = config, config.length, setting.end
        self.lexicon = nn.Embedding(max(setting.words, 1), config.width)
        nn.init.normal_(self.lexicon.weight, std=0.02)
        self.items = setting.item_tower(config.width, self.lexicon)
        layers: list[nn.Module] = []
        for before, after in zip((config.width, *config.hidden), config.hidden, strict=False):
            layers += [nn.Dropout(config.dropout), nn.Linear(before, after), nn.GELU()]
        self.net = nn.Sequential(*layers, nn.Dropout(config.dropout))
        self.number = nn.Linear(config.hidden[-1], 1)
        self.tongue = nn.Linear(config.hidden[-1], config.width)
        self.loudness = nn.Parameter(torch.zeros(max(setting.words, 1)))
        self.register_buffer("scale", torch.tensor([0.0, 1.0, -math.inf, math.inf]))

    def bind(self, dataset: Dataset) -> None:
        """Take mean, deviation, least and greatest of the training labels."""
        labels = torch.from_numpy(np.ascontiguousarray(dataset.pairs("train")[2])).double()
        labels = labels[labels.isfinite()]
        if len(labels):
            deviation = float(labels.std(correction=0)) or 1.0
            self.scale.copy_(torch.tensor([float(labels.mean()), deviation, float(labels.min()), float(labels.max())]))

    def encode(self, stream: Stream) -> dict[str, Tensor]:
        """The last item (B, A), sum (B, A, D) and number (B, A, 1) of the words, before each ask."""
        word, item = stream.kinds == Kind.WORD, stream.kinds == Kind.ITEM
        vectors = self.lexicon(stream.values.masked_fill(~word, 0)) * word.unsqueeze(-1)
        places = torch.arange(stream.width, device=word.device)
        latest = at(torch.where(item, places, -1).cummax(1).values.unsqueeze(-1), stream.asks - 1).squeeze(-1)
        last = stream.values.gather(1, latest.clamp(min=0)).masked_fill(latest < 0, UNKNOWN)
        count = at(word.cumsum(1).unsqueeze(-1), stream.asks - 1)
        return {"item": last, "words": at(vectors.cumsum(1), stream.asks - 1), "count": count}

    # ------------------------------------------------------------ numbers

    def estimate(self, state: dict[str, Tensor], items: Tensor) -> Tensor:
        """(B, A, C) on the scale of the labels, the same for everyone."""
        found = self._level(self.items(items))
        wide = found.unsqueeze(1) if found.dim() == 2 else found
        return wide.expand(*state["item"].shape, items.shape[-1])

    def score(self, state: dict[str, Tensor], items: Tensor | None = None) -> Tensor:
        """The estimates."""
        if items is not None:
            return self.estimate(state, items)
        every = self._level(self.items.all())
        return every.expand(*state["item"].shape, len(every))

    def _level(self, vectors: Tensor) -> Tensor:
        """(…, D) → (…); a finished model stays on the scale."""
        number = self.scale[0] + self.scale[1] * self.number(self.net(vectors)).squeeze(-1)
        return number if self.training else number.clamp(self.scale[2], self.scale[3])

    # ------------------------------------------------------------ words

    def words(self, state: dict[str, Tensor]) -> Tensor:
        """(B, A, W) from the item and the mean of the words before."""
        once, place = state["item"].unique(return_inverse=True)
        x = self.items(once)[place] + state["words"] / state["count"].clamp(min=1)
        return F.linear(self.tongue(self.net(x)), self.lexicon.weight, self.loudness)

    def generate(
        self, stream: Stream, limit: int, top_p: float = 0.0, seed: int = 0, seconds: float = math.inf
    ) -> tuple[Tensor, Tensor]:
        """Words and lengths; each further word moves the mean."""
        state = self.encode(stream)
        last = stream.asks.argmax(1)
        state = {name: values[torch.arange(len(last)), last].unsqueeze(1) for name, values in state.items()}

        def further(word: Tensor, said: int) -> Tensor:
            state["words"] = state["words"] + self.lexicon(word).unsqueeze(1)
            state["count"] = state["count"] + 1
            return self.words(state)[:, 0]

        return spoken(self.words(state)[:, 0], further, self.end, limit, top_p, seed, seconds)

    def rows(self) -> dict[str, str]:
        """What the rows of its own tables are."""
        return {"lexicon.weight": "words", "loudness": "words"}

    def grow(self, setting: Setting) -> None:
        """New words begin as the mean of the old ones; new items are known by their content."""
        if setting.words > len(self.loudness):
            mean = self.lexicon.weight.detach().mean(0)
            table = longer(self.lexicon.weight.detach(), setting.words)
            table[len(self.loudness) :] = mean
            self.lexicon.weight, self.lexicon.num_embeddings = nn.Parameter(table), setting.words
            self.loudness = nn.Parameter(
                longer(self.loudness.detach(), setting.words, float(self.loudness.detach().min()))
            )
        self.items.grow(setting.items)
