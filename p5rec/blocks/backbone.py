"""The net that reads a prompt: the project's own, with its words and places."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p5rec.blocks.dropout import Dropout
from p5rec.blocks.memory import Memory
from p5rec.blocks.transformer import Shape, Transformer


class Backbone(nn.Module, ABC):
    """Vectors of things in, hidden vectors out, and what it takes to read and say words.

    Attributes:
        lexicon: (W, H) vectors of words.
        width: H.
        causal: a state depends on what stands before it only.
        level: root mean square that the numbers of things should have; None: as they come.
    """

    lexicon: nn.Embedding
    width: int
    causal: bool = True
    level: float | None = None

    @abstractmethod
    def forward(self, x: Tensor, padding: Tensor, wanted: Tensor) -> Tensor:
        """(B, L, H) things, padding (B, L), places (B, A) whose output is wanted → (B, A, H)."""

    @abstractmethod
    def read(self, x: Tensor, memory: Memory, places: Tensor) -> Tensor:
        """Further things (B, N, H) at `places` (B, N), behind what the memory holds → (B, N, H)."""

    @abstractmethod
    def speak(self, hidden: Tensor) -> Tensor:
        """(…, H) → (…, W) logits of the next word."""

    @abstractmethod
    def grow(self, words: int) -> None:
        """Make room for further words; old ones keep their vectors."""


class Own(Backbone):
    """A transformer trained from scratch.

    Args:
        shape: of the transformer.
        words: W.
        length: places that have a vector of their own; 0 has none (the transformer then knows of positions itself).
    """

    def __init__(self, shape: Shape, words: int, length: int) -> None:
        super().__init__()
        self.width, self.causal = shape.width, shape.causal
        self.lexicon = nn.Embedding(max(words, 1), shape.width)
        self.places = nn.Embedding(length, shape.width) if length else None
        for table in (self.lexicon, self.places):
            if table is not None:
                nn.init.normal_(table.weight, std=0.02)
        self.dropout, self.net = Dropout(shape.dropout), Transformer(shape)
        self.tongue = nn.Linear(shape.width, shape.width)
        self.loudness = nn.Parameter(torch.zeros(max(words, 1)))

    def forward(self, x: Tensor, padding: Tensor, wanted: Tensor) -> Tensor:
        """(B, A, H); see `Backbone.forward`."""
        if self.places is not None:
            x = x + _stretched(self.places.weight, x.shape[1])
        return self.net(self.dropout(x), None if self.causal else padding, wanted=wanted)

    def read(self, x: Tensor, memory: Memory, places: Tensor) -> Tensor:
        """(B, N, H); see `Backbone.read`."""
        if self.places is not None:
            x = x + self.places(places.clamp(max=self.places.num_embeddings - 1))
        return self.net.read(x, memory, places)

    def speak(self, hidden: Tensor) -> Tensor:
        """(…, W); the words that are read are the words that are said."""
        return F.linear(self.tongue(hidden), self.lexicon.weight, self.loudness)

    def rows(self) -> dict[str, str]:
        """What the rows of its tables are."""
        return {"lexicon.weight": "words", "loudness": "words", "places.weight": "places"}

    def grow(self, words: int) -> None:
        """New words begin as the mean of the old ones, and are as rare as the rarest."""
        more = words - len(self.loudness)
        if more > 0:
            old = self.lexicon.weight.detach()
            self.lexicon.weight = nn.Parameter(torch.cat([old, old.mean(0, keepdim=True).expand(more, -1)]))
            self.lexicon.num_embeddings = words
            quiet = self.loudness.detach()
            self.loudness = nn.Parameter(torch.cat([quiet, quiet.min().expand(more)]))


def _stretched(table: Tensor, length: int) -> Tensor:
    """(L, H); rows longer than the model reads hold only padding and asks behind its length."""
    return table[:length] if length <= len(table) else F.pad(table, (0, 0, 0, length - len(table)))
