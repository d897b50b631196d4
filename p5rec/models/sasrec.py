"""Self-attentive sequential recommendation (Kang & McAuley 2018), as a pre-norm transformer."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from p5rec.blocks.dropout import Dropout
from p5rec.blocks.stream import Kind, Stream
from p5rec.blocks.transformer import Shape, Transformer
from p5rec.blocks.unit import unit
from p5rec.contracts import Factored, Grows, Setting
from p5rec.core.config import Config


class SasrecConfig(Config):
    """Settings of sasrec."""

    width: int = Field(128, ge=2, description="width of vectors, a multiple of twice the heads")
    blocks: int = Field(1, ge=1, description="transformer blocks")
    heads: int = Field(2, ge=1, description="attention heads")
    length: int = Field(50, ge=2, description="at most so many things of a history are read")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout on inputs and inside the blocks")
    hidden: int = Field(4, ge=1, description="width of the feed-forward net, in multiples of `width`")
    cosine: bool = Field(True, description="scores are cosines times a learned factor, else plain dot products")
    ligr: bool = Field(False, description="gated blocks (LiGR, as in eSASRec)")
    positions: Literal["start", "rotary", "distance"] = Field(
        "start", description="learned vectors counted from the start, rotations, or a learned bias by distance"
    )


class Sasrec(Factored, Grows):
    """A causal transformer over items; the state of an ask is the output just before it."""

    Config = SasrecConfig
    causal = True
    learns = {"next_item": {}}  # noqa: RUF012
    claims = ("markov", "checkerboard", "category_decides", "intent")

    def __init__(self, config: SasrecConfig, setting: Setting) -> None:
        super().__init__()
        self.config, self.length = config, config.length
        self.items = setting.item_tower(config.width)
        self.kinds = nn.Embedding(len(Kind), config.width)
        self.events = nn.Embedding(len(setting.kinds), config.width) if len(setting.kinds) > 1 else None
        self.places = nn.Embedding(config.length, config.width) if config.positions == "start" else None
        for table in (self.kinds, self.events, self.places):
            if table is not None:
                nn.init.normal_(table.weight, std=0.02)
        self.sharpness = nn.Parameter(torch.tensor(math.log(15.0))) if config.cosine else None
        self.dropout = Dropout(config.dropout)
        self.net = Transformer(
            Shape(
                width=config.width,
                blocks=config.blocks,
                heads=config.heads,
                dropout=config.dropout,
                hidden=config.hidden,
                gates=config.ligr,
                positions="none" if config.positions == "start" else config.positions,
                farthest=config.length,
            )
        )

    def encode(self, stream: Stream) -> Tensor:
        """(B, A, D)."""
        return self.net(self.dropout(self._inputs(stream)), wanted=stream.asks - 1)

    def _inputs(self, stream: Stream) -> Tensor:
        """(B, L, D) vectors of what stands in the row."""
        item = stream.kinds == Kind.ITEM
        x = self._spread(self.items(stream.values.masked_fill(~item, -1)))
        x = torch.where(item.unsqueeze(-1), x, self.kinds(stream.kinds))
        if self.events is not None and "kind" in stream.context:
            x = x + self.events(stream.context["kind"]) * item.unsqueeze(-1)
        if self.places is not None:
            x = x + self._places(stream.width)
        return x

    def _places(self, width: int) -> Tensor:
        """(L, D); rows longer than the model reads hold only padding and asks behind its length."""
        assert self.places is not None
        table = self.places.weight
        return table[:width] if width <= len(table) else F.pad(table, (0, 0, 0, width - len(table)))

    def _spread(self, vectors: Tensor) -> Tensor:
        """Item vectors as inputs: with cosine scores their length says nothing, so that all get the same."""
        return vectors if self.sharpness is None else unit(vectors) * (vectors.shape[-1] ** 0.5 / 2)

    def vectors(self, state: Tensor) -> Tensor:
        """(B, A, D)."""
        return state if self.sharpness is None else unit(state) * self.sharpness.exp()

    def catalogue(self, items: Tensor | None = None) -> Tensor:
        """(V, D), or (…, D) of some items; of length 1 where scores are cosines."""
        vectors: Tensor = self.items.all() if items is None else self.items(items)
        return vectors if self.sharpness is None else unit(vectors)

    def grow(self, setting: Setting) -> None:
        """New items are known by their content, if the tower reads any."""
        self.items.grow(setting.items)
