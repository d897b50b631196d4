"""What a history tells of its user: where it stands among the histories of training rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from p5rec.contracts import Dataset
from p5rec.data.ragged import Ragged

TAIL = 0.1  # of the training histories lie at, or beyond, each end


@dataclass(frozen=True)
class Fact:
    """One number of a history, as a place between the low and the high end of the training histories.

    Attributes:
        measure: histories (Q,) → numbers (Q,), nan where nothing is known.
        low, high: the numbers at which the first and the last tenth of the training histories end.
    """

    measure: Callable[[Ragged], np.ndarray]
    low: float
    high: float

    def __call__(self, histories: Ragged) -> np.ndarray:
        """(Q,) 0 at the low end and below, 1 at the high end and above, the middle where nothing is known."""
        return np.nan_to_num(np.clip((self.measure(histories) - self.low) / (self.high - self.low), 0, 1), nan=0.5)


def facts(dataset: Dataset) -> dict[str, Fact]:
    """What can be told apart by: how long a history is, how popular its items are, and how old.

    A fact in which the training histories do not differ is left out, as is the age where events have no times.
    """
    train = dataset.history("train")
    place = train.places()[1]
    items, times = dataset.events["item"][place], dataset.events["time"][place]
    loud = np.log1p(np.bincount(items, minlength=dataset.n_items))
    first = np.full(dataset.n_items, np.inf)
    np.minimum.at(first, items[times >= 0], times[times >= 0].astype(float))
    measures: dict[str, Callable[[Ragged], np.ndarray]] = {
        "length": lambda histories: np.log1p(histories.lengths),
        "popularity": lambda histories: _mean(histories, loud),
        "age": lambda histories: -_mean(histories, first),
    }
    asked = train.rows(train.lengths > 0)
    ends = {name: _ends(measure(asked)) for name, measure in measures.items()}
    return {name: Fact(measures[name], low, high) for name, (low, high) in ends.items() if high > low}


def _ends(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 0.0
    low, high = np.quantile(known, [TAIL, 1 - TAIL])
    return float(low), float(high)


def _mean(histories: Ragged, table: np.ndarray) -> np.ndarray:
    """(Q,) mean of the known entries of a (V,) table over the items of each history, nan where there is none."""
    row, item = histories.flat()
    known = np.isfinite(table[item])
    total = np.bincount(row[known], table[item[known]], minlength=len(histories))
    count = np.bincount(row[known], minlength=len(histories))
    return np.divide(total, count, out=np.full(len(histories), np.nan), where=count > 0)
