"""Texts as words and pairs of words."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

PAIRS = 2**18  # places that pairs of words share
MIX = 40_503  # spreads pairs over them; odd, so that all are reached
ENOUGH = 24.0  # words: texts of fewer tell little, so a question is not taken for a review


def cells(words: Tensor, size: int) -> Tensor:
    """Words (…, N) of a vocabulary of `size` → (…, N, 2) places of each word, and of the pair that it ends."""
    before = pad(words[..., :-1], (1, 0))
    return torch.stack([words, size + (before * MIX + words) % PAIRS], dim=-1)


def leading(ends: Tensor, openers: Tensor, before: Tensor) -> Tensor:
    """(B, A, N) bool: the first sentence before each ask, without what stands before it.

    Args:
        ends: (B, N) bool, the words that end a sentence.
        openers: (B, N) bool, the words that end what stands before a text, as a colon does.
        before: (B, A, N) bool, the words before each ask.
    """
    early = (ends.cumsum(1) == 0).unsqueeze(1) & before
    place = torch.arange(ends.shape[1], device=ends.device)
    opened = torch.where(early & openers.unsqueeze(1), place, -1).amax(2, keepdim=True)
    return early & (place > opened)


def first_time(places: Tensor, there: Tensor) -> Tensor:
    """(B, M) bool: places (B, M) that are `there` (B, M), and were not further left in the row."""
    key = places.masked_fill(~there, -1)
    ordered, order = key.sort(dim=1, stable=True)
    fresh = torch.ones_like(there)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return torch.zeros_like(there).scatter_(1, order, fresh) & there


def loud(counts: Tensor) -> Tensor:
    """How far a text of so many words is listened to, 0 … 1."""
    return counts**4 / (counts**4 + ENOUGH**4)
