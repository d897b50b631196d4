"""Vectors that were given: columns of lists of numbers, or .npy files beside the item table."""

from __future__ import annotations

import numpy as np

from p5rec.data.features import Features, Kind
from p5rec.towers.modalities._projected import Projected


class Vector(Projected):
    """All VECTOR columns, each normalised on the rows that occur in training, and projected.

    A page gives files with ``data.source.item_vectors``, or the table has columns of lists of decimal numbers.
    """

    kinds = (Kind.VECTOR,)

    def vectors(self, features: Features) -> list[np.ndarray]:
        """Those of the columns, whole rows or none."""
        return [np.asarray(column.values, dtype=np.float32) for column in features.columns.values()]
