"""Times of items or users: how long ago, and where in the day, the week and the year."""

from __future__ import annotations

import math

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from p5rec.contracts import Modality
from p5rec.core.config import Config
from p5rec.data.features import Features, Kind

DAY = 86_400
PERIODS = (DAY, 7 * DAY, 365.25 * DAY)  # seconds, after which things come again
NEVER = -1  # no time


class TimeConfig(Config):
    """Settings of the time modality."""

    dropout: float = Field(0.0, ge=0, lt=1, description="share of rows whose times are hidden in training")
    hidden: int = Field(32, ge=1, description="width of the net's hidden layer")
    clip: float = Field(5.0, gt=0, description="normalised times are cut to ± this")


class Time(Modality):
    """All TIME columns: each scaled, as phases of day, week and year (UTC), and whether it is known, through a net."""

    Config = TimeConfig
    mean: Tensor
    deviation: Tensor

    def __init__(self, config: TimeConfig, width: int) -> None:
        super().__init__()
        self.config, self.dropout, self.width = config, config.dropout, width
        self.net: nn.Sequential | None = None

    def read(self, features: Features) -> Tensor:
        """(N, C) int64 seconds since 1970, -1 where there is none; the first reading says what is normal."""
        columns = [np.asarray(column.values, dtype=np.int64) for column in features.columns.values()]
        seconds = torch.from_numpy(np.stack(columns, axis=1))
        if self.net is None:
            self._fit(seconds if features.seen is None else seconds[torch.from_numpy(np.asarray(features.seen))])
            inputs, hidden = seconds.shape[1] * (2 + 2 * len(PERIODS)), self.config.hidden
            self.net = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, self.width))
        return seconds

    def _fit(self, seconds: Tensor) -> None:
        """Mean and deviation of each column, of the rows that have it."""
        exact = torch.where(seconds == NEVER, torch.nan, seconds.double())
        mean = exact.nanmean(0).nan_to_num()
        spread = (exact - mean).square().nanmean(0).sqrt().nan_to_num()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", torch.where(spread < 1, 1.0, spread))

    def encode(self, values: Tensor) -> Tensor:
        """(N, C) → (N, D)."""
        assert self.net is not None, "read before encode"
        known = values != NEVER
        exact = values.double()
        level = ((exact - self.mean) / self.deviation).clamp(-self.config.clip, self.config.clip)
        phases = [2 * math.pi * exact.remainder(period) / period for period in PERIODS]
        told = torch.stack([level, *(turn for phase in phases for turn in (phase.sin(), phase.cos()))])
        told = torch.where(known, told, 0.0)
        seen = torch.cat([told.float(), known.float().unsqueeze(0)])
        vectors: Tensor = self.net(seen.permute(1, 0, 2).flatten(1))
        return vectors

    def present(self, values: Tensor) -> Tensor:
        """(N,) bool."""
        return (values != NEVER).any(1)

    @classmethod
    def columns(cls, features: Features) -> list[str]:
        """The TIME columns."""
        return list(features.of_kind(Kind.TIME))
