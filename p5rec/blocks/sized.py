"""Modules whose buffers get their size from the data, and from the state when they are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class SizedByState(nn.Module):
    """A module that takes the shapes of its own buffers from the state it loads."""

    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *others: Any) -> None:
        for name, buffer in list(self.named_buffers(recurse=False)):
            given = state_dict.get(prefix + name)
            if given is not None and given.shape != buffer.shape:
                setattr(self, name, torch.empty(given.shape, dtype=buffer.dtype, device=buffer.device))
        super()._load_from_state_dict(state_dict, prefix, *others)


def longer(values: Tensor, count: int, fill: float = 0) -> Tensor:
    """The same rows with further ones of `fill` behind them, `count` in all."""
    more = values.new_full((count - len(values), *values.shape[1:]), fill)
    return torch.cat([values, more])
