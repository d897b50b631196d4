"""Losses of choosing items and words: softmax over all or over a sample, and calibrated BCE."""

from __future__ import annotations

import math
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

    On a CPU in low precision the gradient is made together with the loss, a few rows at a time, since the (N, V)
    logits are by far the largest thing of a training step.

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
        return _FusedSoftmax.apply(vectors, catalogue, targets, weights, smoothing, closed)
    logits, row = (vectors @ catalogue.T).float(), weights.sum(1)
    mean = logits.index_fill(1, closed, 0.0).sum(1) / (logits.shape[1] - len(closed))
    total = logits.index_fill(1, closed, NEVER).logsumexp(1)
    right = (weights * logits.gather(1, targets)).sum()
    return (row * (total - smoothing * mean)).sum() - (1 - smoothing) * right


class _FusedSoftmax(torch.autograd.Function):
    """Cross-entropy of vectors @ catalogue.T; a chunk of rows becomes logits, shares and gradient in one buffer."""

    ROWS = 512  # of a chunk: the buffer stays near the processor

    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, catalogue: Tensor, targets: Tensor, weights: Tensor, smoothing: float, closed: Tensor
    ) -> Tensor:
        low = torch.get_autocast_dtype("cpu")
        rows, items = vectors.to(low), catalogue.to(low)
        chosen = items[targets]
        loss = -(1 - smoothing) * (weights * (chosen @ rows.unsqueeze(-1)).squeeze(-1)).sum()
        to_rows, to_items = torch.empty_like(rows), torch.zeros_like(catalogue, dtype=torch.float32)
        buffer = rows.new_empty(min(_FusedSoftmax.ROWS, len(rows)), len(items))
        for begin in range(0, len(rows), _FusedSoftmax.ROWS):
            part = slice(begin, begin + _FusedSoftmax.ROWS)
            logits = torch.mm(rows[part], items.T, out=buffer[: len(rows[part])])
            loss = loss + _slopes_in_place(logits, weights[part].sum(1, keepdim=True), smoothing, closed)
            torch.mm(logits, items, out=to_rows[part])
            to_items += logits.T @ rows[part]
        pull = ((smoothing - 1) * weights).unsqueeze(-1)
        to_items.index_add_(0, targets.flatten(), (pull * rows.unsqueeze(1)).flatten(0, 1).float())
        ctx.save_for_backward(to_rows + (pull * chosen).sum(1), to_items)
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[Tensor | None, ...]:
        to_rows, to_items = ctx.saved_tensors
        return to_rows * upstream[0], to_items * upstream[0], None, None, None, None


def _slopes_in_place(logits: Tensor, weights: Tensor, smoothing: float, closed: Tensor) -> Tensor:
    """Turn (N, V) logits into the gradient of the part of the loss that knows no target; returns that part.

    Args:
        logits: (N, V), overwritten.
        weights: (N, 1) of each row.
        smoothing, closed: as in `full_softmax`.
    """
    count = logits.shape[1] - len(closed)
    even = logits.index_fill_(1, closed, 0.0).sum(1, keepdim=True).float() / count if smoothing else 0.0
    top = logits.index_fill_(1, closed, NEVER).amax(1, keepdim=True)
    shares = logits.sub_(top).exp_()
    total = (shares @ shares.new_ones(shares.shape[1], 1)).float()
    shares.mul_((weights / total).to(shares.dtype))
    if smoothing:
        shares.sub_((smoothing / count * weights).to(shares.dtype)).index_fill_(1, closed, 0.0)
    return (weights * (total.log() + top.float() - smoothing * even)).sum()


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


def of_words(logits: Tensor, right: Tensor) -> Tensor:
    """Mean cross-entropy of (N,) words among the W of (N, W) logits, 1 for a model that knows none."""
    return F.cross_entropy(logits.float(), right) / math.log(max(logits.shape[1], 2))
