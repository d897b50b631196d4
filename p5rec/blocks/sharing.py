"""Copies of modules that cost next to nothing, for whoever changes a model while others use it."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


def sharing(module: M) -> M:
    """A copy whose tensors lie in the memory of the first.

    Who replaces a tensor of one (as growing does, with a longer one) leaves the other as it is; who writes into a
    tensor changes both.
    """
    memo: dict[int, Any] = {id(tensor): _alias(tensor) for tensor in (*module.parameters(), *module.buffers())}
    return copy.deepcopy(module, memo)


def _alias(tensor: Tensor) -> Tensor:
    """The same memory under another name."""
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(tensor.detach(), requires_grad=tensor.requires_grad)
    return tensor.detach()
