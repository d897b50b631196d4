"""Shrinkage: vectors that are pulled towards 0 as often as they are used."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor


def shrunk(x: Tensor, strength: float) -> Tensor:
    """x (…, D) itself, whose gradient is that of a loss with strength/2 · |x|² a vector, in the mean over vectors.

    The ridge of matrix factorization (Koren et al. 2009): what occurs often is pulled often, against as many errors,
    so that rare users and items stay near 0. Decay of weights pulls all alike.
    """
    return cast(Tensor, _Shrunk.apply(x, strength)) if strength and x.requires_grad else x


class _Shrunk(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.pull = strength / max(x[..., 0].numel(), 1)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return torch.add(upstream[0], x, alpha=ctx.pull), None
