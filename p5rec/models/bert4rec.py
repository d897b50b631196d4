"""A transformer that looks at both sides of a blank (BERT4Rec, Sun et al. 2019)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from p5rec.blocks.dropout import Dropout
from p5rec.blocks.stream import Kind, Stream
from p5rec.blocks.transformer import Shape, Transformer
from p5rec.contracts import Factored, Grows, Setting
from p5rec.core.config import Config


class Bert4recConfig(Config):
    """Settings of bert4rec."""

    width: int = Field(128, ge=2, description="width of vectors, a multiple of the heads")
    blocks: int = Field(2, ge=1, description="transformer blocks")
    heads: int = Field(2, ge=1, description="attention heads")
    length: int = Field(50, ge=2, description="at most so many things of a history are read")
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout on inputs and inside the blocks")
    hidden: int = Field(4, ge=1, description="width of the feed-forward net, in multiples of `width`")


class Bert4rec(Factored, Grows):
    """Bidirectional; the state of an ask is the output at its own place, where a BLANK stands.

    What stands behind an ask counts in training, where blanks are inside a history; so does nothing when
    recommendations are asked for, where the blank is the last. Positions count from the end, so that the place
    just before the last blank is always the same.
    """

    Config = Bert4recConfig
    causal = False
    learns = {"masked_item": {}}  # noqa: RUF012
    claims = ("checkerboard", "category_decides", "intent")

    def __init__(self, config: Bert4recConfig, setting: Setting) -> None:
        super().__init__()
        self.config, self.length = config, config.length
        self.items = setting.item_tower(config.width)
        self.kinds = nn.Embedding(len(Kind), config.width)
        self.places = nn.Embedding(config.length, config.width)
        self.events = nn.Embedding(len(setting.kinds), config.width)
        for table in (self.kinds, self.places, self.events):
            nn.init.normal_(table.weight, std=0.02)
        self.head = nn.Sequential(nn.Linear(config.width, config.width), nn.GELU(), nn.LayerNorm(config.width))
        self.dropout = Dropout(config.dropout)
        self.net = Transformer(
            Shape(config.width, config.blocks, config.heads, config.dropout, config.hidden, causal=False)
        )

    def encode(self, stream: Stream) -> Tensor:
        """(B, A, D)."""
        item = stream.kinds == Kind.ITEM
        padding = stream.kinds == Kind.PAD
        x = torch.where(item.unsqueeze(-1), self.items(stream.values.masked_fill(~item, -1)), self.kinds(stream.kinds))
        if self.events.num_embeddings > 1 and "kind" in stream.context:
            x = x + self.events(stream.context["kind"]) * item.unsqueeze(-1)
        x = x + self.places(self._from_end(padding))
        vectors: Tensor = self.head(self.net(self.dropout(x), padding, wanted=stream.asks))
        return vectors

    def _from_end(self, padding: Tensor) -> Tensor:
        """(B, L) 0 at the last thing of a row, 1 before it …"""
        ahead = (~padding).flip(1).cumsum(1).flip(1) - 1
        return ahead.clamp(0, self.places.num_embeddings - 1)

    def vectors(self, state: Tensor) -> Tensor:
        """(B, A, D)."""
        return state

    def catalogue(self, items: Tensor | None = None) -> Tensor:
        """(V, D), or (…, D) of some items."""
        vectors: Tensor = self.items.all() if items is None else self.items(items)
        return vectors

    def grow(self, setting: Setting) -> None:
        """New items are known by their content, if the tower reads any."""
        self.items.grow(setting.items)
