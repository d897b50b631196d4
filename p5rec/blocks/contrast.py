"""Telling the partner of each among all of a batch."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from p5rec.blocks.losses import NEVER


def in_batch(logits: Tensor, twins: Tensor | None = None) -> Tensor:
    """InfoNCE (van den Oord et al. 2018) both ways, as a share of that of guessing.

    Args:
        logits: (N, N), N ≥ 2: how well the n-th of one side goes with each of the other; the n-th is its partner.
        twins: (N, N) bool: pairs that cannot be told from partners; they count as neither.
    """
    own = torch.arange(len(logits), device=logits.device)
    logits = logits.float()
    if twins is not None:
        logits = logits.masked_fill(twins & ~torch.eye(len(logits), dtype=torch.bool, device=logits.device), NEVER)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / (2 * math.log(len(logits)))
