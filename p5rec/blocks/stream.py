"""The stream: what a model may look at, and the asks, the places where an answer is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from p5rec.core.things import Kind as Kind


@dataclass(frozen=True)
class Stream:
    """B rows of L things, right-padded; every row begins with START.

    Attributes:
        kinds: (B, L) int64, a `Kind` at each position.
        values: (B, L) int64: the word, user or item number; the field of a NUMBER; 0 elsewhere.
        numbers: (B, L) float32: the number of a NUMBER; 0 elsewhere.
        users: (B,) int64, -1 for users never seen in training.
        asks: (B, A) int64 positions where an answer is wanted, -1 pads.
        context: (B, L) columns known *before* each event (time, wanted event kind): an ask at p sees them up to
            and including p.
        outcome: (B, L) columns known *after* each event (rating, reward): an ask at p sees them before p only.
    """

    kinds: Tensor
    values: Tensor
    numbers: Tensor
    users: Tensor
    asks: Tensor
    context: Mapping[str, Tensor] = field(default_factory=dict)
    outcome: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def width(self) -> int:
        """L, the length of the longest row."""
        return self.kinds.shape[1]

    @property
    def lengths(self) -> Tensor:
        """(B,) things in each row."""
        return (self.kinds != Kind.PAD).sum(1)

    def rows(self, chosen: Any) -> Stream:
        """Some of the rows."""
        return self._map(lambda tensor: tensor[chosen])

    def to(self, device: torch.device | str) -> Stream:
        """The same stream on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Stream:
        """The same stream in page-locked memory."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, change: Any) -> Stream:
        def inside(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {name: change(tensor) for name, tensor in value.items()}
            return change(value)

        return replace(self, **{f.name: inside(getattr(self, f.name)) for f in fields(self)})


def at(hidden: Tensor, positions: Tensor) -> Tensor:
    """Pick the vectors at positions: (B, L, D) and (B, A) → (B, A, D); -1 picks position 0 (a pad's answer)."""
    index = positions.clamp(min=0).unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
    return hidden.gather(1, index)
