"""Losses of choosing items: softmax over a whole catalogue or over a sample of it, and calibrated BCE."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NEVER = -1e4  # the logit of a candidate that does not count; finite in bfloat16, too


def full_softmax(
    vectors: Tensor,
    catalogue: Tensor,
    targets: Tensor,
    weights: Tensor,
    smoothing: float = 0.0,
    closed: Tensor | None = None,
) -> Tensor:
    """Weighted mean of the cross-entropies of N · K choices among all V items.

    On a CPU in low precision the gradient is made together with the loss, in place, since the (N, V) logits are
    by far the largest thing of a training step.

    Args:
        vectors: (N, D).
        catalogue: (V, D).
        targets: (N, K) item numbers, several for one vector.
        weights: (N, K), 0 where there is no target.
        smoothing: share of the targets spread evenly over the open items, 0 … 1.
        closed: item numbers that are no choice; nothing is learned of them, not even that they are wrong.
    """
    weights = weights / weights.sum()
    closed = targets.new_empty(0) if closed is None else closed
    if torch.is_autocast_enabled(vectors.device.type) and vectors.device.type == "cpu":
        low = torch.get_autocast_dtype("cpu")
        return _FusedSoftmax.apply(vectors.to(low), catalogue.to(low), targets, weights, smoothing, closed)
    logits, row = (vectors @ catalogue.T).float(), weights.sum(1)
    mean = logits.index_fill(1, closed, 0.0).sum(1) / (logits.shape[1] - len(closed))
    total = logits.index_fill(1, closed, NEVER).logsumexp(1)
    right = (weights * logits.gather(1, targets)).sum()
    return (row * (total - smoothing * mean)).sum() - (1 - smoothing) * right


class _FusedSoftmax(torch.autograd.Function):
    """Cross-entropy of vectors @ catalogue.T with one (N, V) buffer for logits, shares and gradient."""

    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, catalogue: Tensor, targets: Tensor, weights: Tensor, smoothing: float, closed: Tensor
    ) -> Tensor:
        logits, row = vectors @ catalogue.T, weights.sum(1)
        right = (weights * logits.gather(1, targets)).sum()
        spread = smoothing / (logits.shape[1] - len(closed))  # of the target, for each open item
        even = spread * logits.index_fill_(1, closed, 0.0).sum(1).float() if smoothing else 0.0
        top = logits.index_fill_(1, closed, NEVER).amax(1, keepdim=True)
        shares = logits.sub_(top).exp_()
        total = (shares @ shares.new_ones(shares.shape[1], 1)).squeeze(1).float()
        loss = (row * (total.log() + top.squeeze(1).float() - even)).sum() - (1 - smoothing) * right
        slope = shares.mul_((row / total).to(shares.dtype).unsqueeze(1))
        if smoothing:
            slope.sub_((spread * row).to(slope.dtype).unsqueeze(1)).index_fill_(1, closed, 0.0)
        slope.scatter_add_(1, targets, ((smoothing - 1) * weights).to(slope.dtype))
        ctx.save_for_backward(slope @ catalogue, slope.T @ vectors)
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[Tensor | None, ...]:
        vectors, catalogue = ctx.saved_tensors
        given = upstream[0]
        return vectors * given.to(vectors.dtype), catalogue * given.to(catalogue.dtype), None, None, None, None


def without_targets(others: Tensor, targets: Tensor, drawn: Tensor) -> Tensor:
    """(N, M) logits of drawn items, in which those that are a target themselves never count.

    Args:
        others: (N, M) logits.
        targets: (N, K) item numbers.
        drawn: (N, M) item numbers.
    """
    others = others.float()
    for column in targets.unbind(1):
        others = others.masked_fill(drawn == column.unsqueeze(1), NEVER)
    return others


def sampled_softmax(right: Tensor, others: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of the cross-entropies of each target against the drawn items.

    Args:
        right: (N, K) logits of the targets.
        others: (N, M) logits of the drawn items.
        weights: (N, K), 0 where there is no target.
    """
    total = torch.logaddexp(right.float(), others.logsumexp(1, keepdim=True))
    return (weights * (total - right)).sum() / weights.sum()


def gbce(right: Tensor, others: Tensor, weights: Tensor, catalogue: int, calibration: float) -> Tensor:
    """Generalised binary cross-entropy (Petrov & Macdonald 2023), weighted mean over the targets.

    Args:
        right: (N, K) logits of the targets.
        others: (N, M) logits of the drawn items.
        weights: (N, K), 0 where there is no target.
        catalogue: number of items V that the M negatives were drawn from.
        calibration: t in 0 … 1; 0 is plain BCE (overconfident), 1 is calibrated like a full softmax.
    """
    share = others.shape[1] / max(catalogue - 1, 1)
    power = share * (calibration * (1 - 1 / share) + 1 / share)
    wrong = F.softplus(others).sum(1, keepdim=True)
    return (weights * (power * F.softplus(-right.float()) + wrong)).sum() / weights.sum()
