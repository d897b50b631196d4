"""Pre-norm transformer blocks, causal or not, with optional gates; shared by all sequence models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p5rec.blocks.dropout import Dropout
from p5rec.blocks.memory import Memory
from p5rec.blocks.positions import DistanceBias, rotated
from p5rec.blocks.stream import at


@dataclass(frozen=True)
class Shape:
    """Sizes and choices of a transformer.

    Attributes:
        width, blocks, heads: D, number of blocks, attention heads (D / heads must be even for rotations).
        dropout: in 0 … 1, on the output of each part and inside the feed-forward net.
        hidden: width of the feed-forward net, in multiples of D.
        causal: a position sees itself and those before it; else all.
        gates: LiGR (Borisyuk et al. 2024): each part is scaled by a gate of the stream, the feed-forward is SwiGLU.
        positions: what attention itself knows of positions: rotations, a learned bias by distance, or nothing.
        farthest: distances beyond it count as this one (``"distance"`` only).
    """

    width: int
    blocks: int = 1
    heads: int = 2
    dropout: float = 0.2
    hidden: int = 4
    causal: bool = True
    gates: bool = False
    positions: Literal["none", "rotary", "distance"] = "none"
    farthest: int = 50


class Attention(nn.Module):
    """Multi-head self-attention over (B, L, D)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.inward = nn.Linear(shape.width, 3 * shape.width)
        self.outward = nn.Linear(shape.width, shape.width)
        self.bias = None
        if shape.positions == "distance":
            self.bias = DistanceBias(shape.heads, shape.farthest, shape.causal)

    def read(self, x: Tensor, memory: Memory, places: Tensor) -> Tensor:
        """(B, N, D) things at `places` (B, N), read after all that the memory holds → (B, N, D)."""
        rows, length, width = x.shape
        query, key, value = self.inward(x).view(rows, length, 3, self.shape.heads, -1).permute(2, 0, 3, 1, 4)
        if self.shape.positions == "rotary":
            query, key = rotated(query, places[:, None]), rotated(key, places[:, None])
        key, value = memory.take(self, key, value)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=memory.visible(length)[:, None])
        return self.outward(mixed.transpose(1, 2).reshape(rows, length, width))

    def forward(self, x: Tensor, padding: Tensor | None, wanted: Tensor | None = None) -> Tensor:
        """(B, L, D) → (B, L, D), or the `wanted` places (B, A, D); `padding` (B, L): nobody may look there."""
        rows, length, width = x.shape
        if wanted is not None and self.shape.positions == "none" and 2 * wanted.shape[1] < length:
            return self._few(x, padding, wanted)
        query, key, value = self.inward(x).view(rows, length, 3, self.shape.heads, -1).permute(2, 0, 3, 1, 4)
        if self.shape.positions == "rotary":
            query, key = rotated(query), rotated(key)
        mask = self._mask(length, padding, query)
        causal = self.shape.causal and mask is None
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
        mixed = mixed.transpose(1, 2).reshape(rows, length, width)
        return self.outward(mixed if wanted is None else at(mixed, wanted))

    def _few(self, x: Tensor, padding: Tensor | None, wanted: Tensor) -> Tensor:
        """(B, A, D) where few places are wanted: no other place makes a query."""
        width, wanted = x.shape[-1], wanted.clamp(min=0)
        weight, bias = self.inward.weight, self.inward.bias
        query = F.linear(at(x, wanted), weight[:width], bias[:width])
        key, value = F.linear(x, weight[width:], bias[width:]).chunk(2, dim=-1)
        query, key, value = (part.unflatten(-1, (self.shape.heads, -1)).transpose(1, 2) for part in (query, key, value))
        places = torch.arange(x.shape[1], device=x.device)
        seen = ((places <= wanted[..., None]) | (not self.shape.causal))[:, None]
        if padding is not None:
            seen = seen & ~padding[:, None, None, :]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        return self.outward(mixed.transpose(1, 2).flatten(2))

    def _mask(self, length: int, padding: Tensor | None, like: Tensor) -> Tensor | None:
        """What is added before the softmax; None where causality alone decides (padding is always behind)."""
        mask = self.bias(length).to(like.dtype) if self.bias is not None else None
        if self.shape.causal or padding is None:
            return mask
        hidden = padding[:, None, None, :]
        return ~hidden if mask is None else mask.masked_fill(hidden, float("-inf"))


class FeedForward(nn.Module):
    """GELU net, or SwiGLU where the block is gated."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        inner = shape.hidden * shape.width
        self.up = nn.Linear(shape.width, inner)
        self.gate = nn.Linear(shape.width, inner) if shape.gates else None
        self.down = nn.Linear(inner, shape.width)
        self.dropout = Dropout(shape.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(…, D) → (…, D)."""
        inner = F.gelu(self.up(x)) if self.gate is None else F.silu(self.gate(x)) * self.up(x)
        return self.down(self.dropout(inner))


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(shape.width) for _ in range(2))
        self.attention, self.forward_net = Attention(shape), FeedForward(shape)
        self.gates = nn.ModuleList(nn.Linear(shape.width, shape.width) for _ in range(2)) if shape.gates else None
        self.dropout = Dropout(shape.dropout)

    def forward(self, x: Tensor, padding: Tensor | None, wanted: Tensor | None = None) -> Tensor:
        """(B, L, D) → (B, L, D), or the `wanted` places (B, A, D) only."""
        update = self.dropout(self.attention(self.norms[0](x), padding, wanted))
        x = x if wanted is None else at(x, wanted)
        x = x + self._gated(0, x, update)
        return x + self._gated(1, x, self.dropout(self.forward_net(self.norms[1](x))))

    def read(self, x: Tensor, memory: Memory, places: Tensor) -> Tensor:
        """As `forward` of further things, going on from what the memory holds."""
        x = x + self._gated(0, x, self.attention.read(self.norms[0](x), memory, places))
        return x + self._gated(1, x, self.forward_net(self.norms[1](x)))

    def _gated(self, part: int, x: Tensor, update: Tensor) -> Tensor:
        return update if self.gates is None else update * self.gates[part](x).sigmoid()


class Transformer(nn.Module):
    """A stack of blocks and a last norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.blocks))
        self.norm = nn.LayerNorm(shape.width)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_normal_(part.weight)
                nn.init.zeros_(part.bias)

    def forward(self, x: Tensor, padding: Tensor | None = None, wanted: Tensor | None = None) -> Tensor:
        """(B, L, D) → (B, L, D), or (B, A, D).

        Args:
            x: vectors of things, rows padded behind.
            padding: (B, L) bool, places that nobody may look at; not needed where the stack is causal.
            wanted: (B, A) the places whose output is wanted; the last block is spared the work on the others, most
                of it where a row is asked once. A negative place gives what stands at the first.
        """
        *before, last = self.blocks
        for block in before:
            x = block(x, padding)
        return self.norm(last(x, padding, wanted))

    def read(self, x: Tensor, memory: Memory, places: Tensor) -> Tensor:
        """Go on reading: further things (B, N, D) at `places` (B, N) → (B, N, D), as if all had been read at once.

        Causal stacks without a learned bias only; dropout is for training.
        """
        memory.grow(x.shape[1])
        for block in self.blocks:
            x = cast(Block, block).read(x, memory, places)
        return self.norm(x)
