"""AUC of each query's ranking: how often a true item stands before one that is not."""

from __future__ import annotations

import numpy as np

from p5rec.contracts import ItemLists, Metric, Truth
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.evaluation.places import order, per_query
from p5rec.evaluation.ranking import NEVER


class Auc(Metric):
    """The share of pairs (true item, other offered item) in the right order, ties wrong; in 0 … 1.

    A true item that was not offered loses all its pairs; a query with nothing to compare with gives 0.5.
    """

    class Config(Settings):
        """AUC has no settings."""

    config: Config

    def measure(self, answers: ItemLists, truth: Truth) -> np.ndarray:
        """(Q, 1).

        Raises:
            InputError: the truth has no ranks.
        """
        if truth.ranks is None or truth.ranked is None:
            raise InputError("auc needs the full ranking, and these answers are lists only; measure it by evaluate()")
        row, ranks = truth.ranks.flat()
        offered = ranks < NEVER
        others = truth.ranked - per_query(row, offered, len(truth))
        before = np.where(offered, ranks - 1 - order(row, ranks), others[row])
        lost = np.divide(before, others[row], out=np.full(len(row), 0.5), where=others[row] > 0)
        return 1.0 - (per_query(row, lost, len(truth)) / np.maximum(truth.items.lengths, 1))[:, None]
