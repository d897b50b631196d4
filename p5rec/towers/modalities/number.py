"""Numbers: a small net over all normalised number columns and what is missing of them."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from p5rec.contracts import Modality
from p5rec.core.config import Config
from p5rec.data.features import Features, Kind


class NumberConfig(Config):
    """Settings of the number modality."""

    dropout: float = Field(0.0, ge=0, lt=1, description="share of rows whose numbers are hidden in training")
    hidden: int = Field(32, ge=1, description="width of the net's hidden layer")
    clip: float = Field(5.0, gt=0, description="normalised values are cut to ± this")


class Number(Modality):
    """All NUMBER columns, (value, known) pairs through a two-layer net."""

    Config = NumberConfig

    def __init__(self, config: NumberConfig, width: int) -> None:
        super().__init__()
        self.config, self.dropout, self.width = config, config.dropout, width
        self.net: nn.Sequential | None = None

    def read(self, features: Features) -> Tensor:
        """(N, C) float32, NaN where a value is missing."""
        columns = [np.asarray(column.values, dtype=np.float32) for column in features.columns.values()]
        if self.net is None:
            hidden = self.config.hidden
            self.net = nn.Sequential(nn.Linear(2 * len(columns), hidden), nn.GELU(), nn.Linear(hidden, self.width))
        return torch.from_numpy(np.stack(columns, axis=1))

    def encode(self, values: Tensor) -> Tensor:
        """(N, C) → (N, D)."""
        assert self.net is not None, "read before encode"
        known = ~values.isnan()
        level = values.nan_to_num().clamp(-self.config.clip, self.config.clip)
        vectors: Tensor = self.net(torch.cat([level, known.to(level.dtype)], dim=1))
        return vectors

    def present(self, values: Tensor) -> Tensor:
        """(N,) bool."""
        return ~values.isnan().all(1)

    @classmethod
    def columns(cls, features: Features) -> list[str]:
        """The NUMBER columns."""
        return list(features.of_kind(Kind.NUMBER))
