"""Losses of choosing items: softmax over a whole catalogue or over a sample of it, and calibrated BCE."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NEVER = -1e4  # the logit of a candidate that does not count; finite in bfloat16, too


def full_softmax(vectors: Tensor, catalogue: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of N choices among all V items.

    On a CPU in low precision the gradient is made together with the loss, in place, since the (N, V) logits are
    by far the largest thing of a training step.

    Args:
        vectors: (N, D).
        catalogue: (V, D).
        targets: (N,) item numbers.
        smoothing: share of the target spread evenly over the catalogue, 0 … 1.
    """
    if torch.is_autocast_enabled(vectors.device.type) and vectors.device.type == "cpu":
        low = torch.get_autocast_dtype("cpu")
        return _FusedSoftmax.apply(vectors.to(low), catalogue.to(low), targets, smoothing)
    return F.cross_entropy(vectors @ catalogue.T, targets, label_smoothing=smoothing)


class _FusedSoftmax(torch.autograd.Function):
    """Cross-entropy of vectors @ catalogue.T with one (N, V) buffer for logits, shares and gradient."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, catalogue: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        count, place = len(vectors), targets.unsqueeze(1)
        logits = vectors @ catalogue.T
        right = logits.gather(1, place).squeeze(1).float()
        mean = logits.mean(1).float() if smoothing else right
        top = logits.amax(1, keepdim=True)
        shares = logits.sub_(top).exp_()
        total = (shares @ shares.new_ones(shares.shape[1], 1)).squeeze(1).float()
        loss = (total.log() + top.squeeze(1).float() - (1 - smoothing) * right - smoothing * mean).mean()
        slope = shares.mul_((1 / (total * count)).to(shares.dtype).unsqueeze(1))
        if smoothing:
            slope.sub_(smoothing / (count * shares.shape[1]))
        slope.scatter_add_(1, place, slope.new_full((count, 1), -(1 - smoothing) / count))
        ctx.save_for_backward(slope @ catalogue, slope.T @ vectors)
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[Tensor | None, ...]:
        vectors, catalogue = ctx.saved_tensors
        return vectors * upstream[0].to(vectors.dtype), catalogue * upstream[0].to(catalogue.dtype), None, None


def sampled_logits(right: Tensor, others: Tensor, targets: Tensor, drawn: Tensor) -> Tensor:
    """(N, 1 + K) logits, the right one first; candidates that are the right one themselves never count.

    Args:
        right: (N,) logit of the target.
        others: (N, K) logits of the drawn items.
        targets: (N,) item numbers.
        drawn: (K,) or (N, K) item numbers.
    """
    others = others.float().masked_fill(drawn == targets.unsqueeze(1), NEVER)
    return torch.cat([right.float().unsqueeze(1), others], dim=1)


def softmax_first(logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy where the right one stands first in (N, 1 + K)."""
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long), label_smoothing=smoothing)


def gbce(logits: Tensor, catalogue: int, calibration: float) -> Tensor:
    """Generalised binary cross-entropy (Petrov & Macdonald 2023), mean over N positions.

    Args:
        logits: (N, 1 + K), the right one first.
        catalogue: number of items V that the K negatives were drawn from.
        calibration: t in 0 … 1; 0 is plain BCE (overconfident), 1 is calibrated like a full softmax.
    """
    share = (logits.shape[1] - 1) / max(catalogue - 1, 1)
    power = share * (calibration * (1 - 1 / share) + 1 / share)
    right = power * F.softplus(-logits[:, 0])
    return (right + F.softplus(logits[:, 1:]).sum(1)).mean()
