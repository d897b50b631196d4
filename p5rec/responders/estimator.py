"""One model as an estimator of numbers: what rating would this user give to these items?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from pydantic import Field

from p5rec.blocks.inference import alike, at_rest, device_of
from p5rec.contracts import Dataset, Estimates, Model, Numbers, Queries, Responder, collate
from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError


class Estimator(Responder):
    """Estimates of a model for the candidates of each query, in float32.

    Attributes:
        model: a model with the power `Estimates`.
    """

    class Config(Settings):
        """Settings of estimating."""

        tokens: int = Field(32_768, ge=1, description="positions and candidates at once: rows of a batch x both")

    internal = True

    def __init__(self, config: Config, inner: Mapping[str, Model], dataset: Dataset) -> None:
        (name, model), *_ = inner.items()
        if not isinstance(model, Estimates):
            raise InputError(f"estimator: {name} ({type(model).__name__}) cannot estimate numbers; name one that can")
        self.model, self.config = model, config

    def __call__(self, queries: Queries, k: int | None) -> Numbers:
        """(Q, C) numbers in the order of ``queries.candidates``, 0 behind each row; `k` has no meaning here.

        Raises:
            InputError: the queries have no candidates.
        """
        if queries.candidates is None:
            raise InputError("estimator: numbers are estimated for given items; give each query candidates")
        candidates = queries.candidates.padded(0).astype(np.int64)
        lengths = queries.history.lengths + 2 + candidates.shape[1]
        values = np.zeros(candidates.shape, dtype=np.float32)
        with at_rest(self.model):
            for rows in alike(lengths, lambda longest: self.config.tokens // longest):
                values[rows] = self._some(queries.rows(rows), candidates[rows])
        values[np.arange(candidates.shape[1])[None, :] >= queries.candidates.lengths[:, None]] = 0.0
        return Numbers(values)

    def _some(self, queries: Queries, candidates: np.ndarray) -> np.ndarray:
        """Estimates (Q, C) of one batch."""
        stream = collate(queries, self.model.length).to(device_of(self.model))
        items = torch.from_numpy(candidates).to(stream.kinds.device)
        found: np.ndarray = self.model.estimate(self.model.encode(stream), items).squeeze(1).float().numpy(force=True)
        return found
