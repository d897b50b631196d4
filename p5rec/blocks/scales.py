"""Scales that make the scores of different rankings comparable; -inf (not to be answered) stays -inf on each."""

from __future__ import annotations

import torch
from torch import Tensor

DIALS: dict[str, tuple[float, ...]] = {  # scales, and values worth trying for their one number
    "zscore": (1.0,),  # not used
    "softmax": (0.5, 1.0, 2.0),  # temperature, in deviations
    "rank": (1.0, 5.0, 20.0),  # places that are worth about the same as the first
}
REACH = 1000  # places that a ranking is told apart by; behind them by score alone


def scaled(scores: Tensor, scale: str, dial: float) -> Tensor:
    """(Q, C) scores of full rankings on a scale: see `shaped`."""
    z = standard(scores)
    place = places(z) if scale == "rank" else None
    loud = loudness(z, dial) if scale == "softmax" else None
    return shaped(z, place, loud, scale, dial)


def shaped(z: Tensor, place: Tensor | None, loud: Tensor | None, scale: str, dial: float) -> Tensor:
    """Values of some items, whose standardised scores, places and loudness in the full rankings are known.

    ``zscore`` is the standardised score; ``softmax`` its probability ``exp(z / dial)``, normalised; ``rank``
    ``1 / (dial + place)`` (reciprocal rank fusion, Cormack et al. 2009).
    """
    if scale == "zscore":
        return z
    if scale == "softmax":
        assert loud is not None
        values = (z / dial - loud).exp()
    else:
        assert place is not None
        values = torch.where(place <= REACH, 1 / (dial + place), z.sigmoid() / (dial + REACH + 1))
    return values.masked_fill(z.isneginf(), -torch.inf)


def standard(scores: Tensor) -> Tensor:
    """(Q, C) scores with mean 0 and deviation 1 over the finite entries of each row."""
    out = scores.isneginf()
    count = (~out).sum(1, keepdim=True).clamp(min=1)
    centred = scores.masked_fill(out, 0)
    centred = (centred - centred.sum(1, keepdim=True) / count).masked_fill_(out, 0)
    deviation = (centred.square().sum(1, keepdim=True) / count).sqrt_().clamp_(min=1e-12)
    return centred.div_(deviation).masked_fill_(out, -torch.inf)


def places(z: Tensor, asked: Tensor | None = None) -> Tensor:
    """(Q, C) int32 place of each item in its row, 1 is best; all behind the first `REACH` share the next place.

    Equal scores share the last of their places: how many items are at least as good.

    Args:
        z: (Q, V) scores of all items.
        asked: (Q, C) scores of those whose places are asked for; None: all.
    """
    best = z.topk(min(REACH + 1, z.shape[1])).values.neg()
    found = torch.searchsorted(best, (z if asked is None else asked).neg(), right=True, out_int32=True)
    return found.clamp_(max=REACH + 1)


def loudness(z: Tensor, dial: float) -> Tensor:
    """(Q, 1) log of the sum of ``exp(z / dial)``."""
    return (z / dial).logsumexp(1, keepdim=True)
