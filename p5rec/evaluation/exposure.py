"""Which items lists show: shares by popularity, and how unequal they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p5rec.data.answers import NOTHING, ItemLists

POINTS = 51  # of a Lorenz curve


@dataclass(frozen=True)
class Exposure:
    """How recommendations are spread over the catalogue.

    Attributes:
        tenths: (10,) share of the recommendations in each tenth of the training events, events of the most taken
            items first; a tenth each would be as people take.
        lorenz: share of the recommendations of the least recommended 0 %, 2 %, … 100 % of the items.
        gini: 0 all items equally often, 1 one item only.
        coverage: share of the items that are recommended at all.
    """

    tenths: Sequence[float]
    lorenz: Sequence[float]
    gini: float
    coverage: float


def exposure(lists: ItemLists, counts: np.ndarray, k: int = 10) -> Exposure:
    """The exposure of the first k places of lists; `counts` (V,) are the training events of each item."""
    shown = lists.items[:, :k]
    return spread(np.bincount(shown[shown != NOTHING], minlength=len(counts)), counts)


def spread(shown: np.ndarray, counts: np.ndarray) -> Exposure:
    """The exposure of items shown (V,) times, against their training events (V,)."""
    total = max(int(shown.sum()), 1)
    tenths = np.bincount(tenth_of(counts), weights=shown, minlength=10) / total
    rising = np.r_[0.0, np.cumsum(np.sort(shown)) / total]
    places = np.linspace(0, 1, POINTS)
    lorenz = np.interp(places, np.linspace(0, 1, len(rising)), rising)
    gini = 1.0 - 2.0 * float(np.trapezoid(rising, dx=1.0 / max(len(shown), 1)))
    return Exposure(tenths.tolist(), lorenz.tolist(), gini, float((shown > 0).mean()) if len(shown) else 0.0)


def tenth_of(counts: np.ndarray) -> np.ndarray:
    """(V,) the tenth of all training events, 0 … 9, that an item's own are in; items without any are in the last."""
    order = np.argsort(-counts, kind="stable")
    middle = np.cumsum(counts[order]) - counts[order] / 2
    tenth = np.empty(len(counts), dtype=np.int64)
    tenth[order] = np.minimum(10 * middle / max(int(counts.sum()), 1), 9)
    tenth[counts == 0] = 9
    return tenth
