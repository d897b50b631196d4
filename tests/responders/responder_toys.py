"""Rankers that say just what a test gives them."""

import numpy as np

from p5rec.contracts import ItemLists, Responder
from p5rec.data.answers import NOTHING, reasoned, top


class Given(Responder):
    """Answers fixed scores: a row of the catalogue for each query by the query's last item (or its first row)."""

    def __init__(self, scores):
        self.scores = np.asarray(scores, dtype=np.float32)

    def __call__(self, queries, k):
        last = [row[-1] if len(row) else 0 for row in queries.history]
        scores = self.scores[last].copy() if len(self.scores) > 1 else np.repeat(self.scores, len(queries), axis=0)
        if queries.excluded is not None:
            row, item = queries.excluded.flat()
            scores[row, item] = -np.inf
        items = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
        if queries.candidates is not None:
            items = queries.candidates.padded(NOTHING)
            scores = np.where(items == NOTHING, -np.inf, np.take_along_axis(scores, items, axis=1))
        if k is None:
            return ItemLists(items, scores)
        return reasoned(top(items, scores, k), k, self.scores.shape[1], queries.candidates)
