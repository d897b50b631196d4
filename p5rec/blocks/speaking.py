"""Choosing the next word, greedily or from the likeliest few."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor


def spoken(
    first: Tensor,
    further: Callable[[Tensor, int], Tensor],
    end: int,
    limit: int,
    top_p: float,
    seed: int,
    seconds: float,
) -> tuple[Tensor, Tensor]:
    """Say words until every row has ended; whoever is asked to speak says one word at least.

    Args:
        first: (B, W) logits of the first words.
        further: words (B,) and how many were said before → logits (B, W) of the next.
        end: the word that ends a text; it is not part of it.
        limit: at most so many words.
        top_p: share of the probability that is drawn from, the likeliest first (Holtzman et al. 2020); 0 is greedy.
        seed: of the draws.
        seconds: after which all stop where they are.

    Returns:
        Words (B, T ≤ limit) and lengths (B,).
    """
    begin, generator = time.perf_counter(), torch.Generator(first.device).manual_seed(seed)
    said, lengths = [], torch.full((len(first),), 0, device=first.device)
    running = torch.ones(len(first), dtype=torch.bool, device=first.device)
    logits = first.index_fill(1, torch.tensor([end], device=first.device), -torch.inf)
    for step in range(limit):
        word = chosen(logits, top_p, generator)
        running = running & (word != end)
        lengths = lengths + running
        said.append(torch.where(running, word, end))
        if not running.any() or step == limit - 1 or time.perf_counter() - begin > seconds:
            break
        logits = further(word, step)
    longest = int(lengths.max()) if len(lengths) else 0
    return torch.stack(said, dim=1)[:, :longest] if said else lengths.new_zeros(len(first), 0), lengths


def chosen(logits: Tensor, top_p: float, generator: torch.Generator) -> Tensor:
    """(B, W) → (B,) the likeliest word, or one drawn from those that make up `top_p` of the probability."""
    if top_p <= 0:
        return logits.argmax(1)
    shares, order = logits.float().softmax(1).sort(dim=1, descending=True)
    shares = shares.masked_fill(shares.cumsum(1) - shares >= top_p, 0.0)
    return order.gather(1, torch.multinomial(shares, 1, generator=generator)).squeeze(1)
