"""Popularity: the same answer for everyone, and the row no table may lack."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec.blocks.sized import SizedByState, longer
from p5rec.contracts import Dataset, Factored, Grows, Setting, Solved, State, Stream
from p5rec.core.config import Config as Settings

DAY = 86_400


class Popular(SizedByState, Factored, Solved, Grows):
    """Training events of each item, of all time or of the last days.

    Attributes:
        counts: (V,) float32 events counted.
    """

    class Config(Settings):
        """Settings of popularity."""

        days: float = Field(0.0, ge=0, description="count the last so many days of training only; 0 counts all time")
        share: float = Field(
            0.3,
            gt=0,
            le=1,
            description="where the data has no times that reach back so far: the last share of each user's events",
        )

    claims = ("popularity",)
    counts: Tensor

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("counts", torch.zeros(setting.items.count))

    def solve(self, dataset: Dataset) -> None:
        """Count the training events of the target kind."""
        row, place = dataset.history("train").places()
        wanted = dataset.events["kind"][place] == dataset.target
        if self.config.days:
            wanted &= self._recent(dataset, row, place)
        counts = np.bincount(dataset.events["item"][place[wanted]], minlength=dataset.n_items)
        self.counts = torch.from_numpy(counts.astype(np.float32)).to(self.counts.device)

    def _recent(self, dataset: Dataset, row: np.ndarray, place: np.ndarray) -> np.ndarray:
        """(N,) bool events of the last days, or the last of each user where the times are only an order."""
        history = dataset.history("train")
        times = dataset.events["time"][place]
        if len(times) and times.max() - times.min() > self.config.days * DAY:
            return times > times.max() - self.config.days * DAY
        return history.stops[row] - place <= np.ceil(self.config.share * history.lengths[row])

    def encode(self, stream: Stream) -> State:
        """The same state (B, A, 1) everywhere."""
        return self.counts.new_ones((*stream.asks.shape, 1))

    def vectors(self, state: State) -> Tensor:
        """(B, A, 1) ones."""
        return state

    def catalogue(self, items: Tensor | None = None) -> Tensor:
        """(V, 1) counts, or those of the items asked for."""
        return (self.counts if items is None else self.counts[items]).unsqueeze(-1)

    def grow(self, setting: Setting) -> None:
        """New items have been seen by nobody yet."""
        self.counts = longer(self.counts, setting.items.count)
