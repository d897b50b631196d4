"""A vector for each row that occurs in training: what no content tells."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from p5rec.contracts import Modality
from p5rec.core.config import Config
from p5rec.data.features import Features


class IdConfig(Config):
    """Settings of the id modality."""

    dropout: float = Field(0.1, ge=0, lt=1, description="share of ids hidden in training where there is content, too")
    deviation: float = Field(0.02, gt=0, description="standard deviation of the first vectors")


class Id(Modality):
    """A learned table. Rows that never occur in training, and those that came later, have no id part."""

    Config = IdConfig
    needs_columns = False

    def __init__(self, config: IdConfig, width: int) -> None:
        super().__init__()
        self.config, self.dropout = config, config.dropout
        self.table = nn.Parameter(torch.zeros(0, width))
        self._known = 0

    def read(self, features: Features) -> Tensor:
        """(N,) int64: the own number, -1 where no vector was or will be learned."""
        numbers = torch.arange(features.count)
        if features.seen is not None:
            numbers = torch.where(torch.from_numpy(features.seen), numbers, -1)
        elif self._known:
            numbers[self._known :] = -1
        self._extend(features.count)
        return numbers

    def _extend(self, count: int) -> None:
        """Make room for further rows; old ones keep their vectors."""
        more = torch.randn(count - len(self.table), self.table.shape[1]) * self.config.deviation
        self.table = nn.Parameter(torch.cat([self.table.detach(), more.to(self.table)]))
        self._known = count

    def rows(self) -> dict[str, str]:
        """What the rows of its table are."""
        return {"table": "rows"}

    def encode(self, values: Tensor) -> Tensor:
        """(N,) → (N, D)."""
        return F.embedding(values.clamp(min=0), self.table)

    def present(self, values: Tensor) -> Tensor:
        """(N,) bool."""
        return values >= 0

    @classmethod
    def columns(cls, features: Features) -> list[str]:
        """None: it needs no column."""
        return []
