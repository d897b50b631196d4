"""Categories and lists of tags: the mean of learned vectors of levels, column by column."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from p5rec.contracts import Modality
from p5rec.core.config import Config
from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged

NAMELESS = torch.zeros(0, 0, dtype=torch.long)  # levels whose names nobody can read


class CategoryConfig(Config):
    """Settings of the category modality."""

    dropout: float = Field(0.0, ge=0, lt=1, description="share of rows whose categories are hidden in training")
    most: int = Field(16, ge=1, description="levels of a list that are read, the first ones")
    deviation: float = Field(0.02, gt=0, description="standard deviation of the first vectors")


class Category(Modality):
    """All CATEGORY and LIST columns; each column has a table that grows with its levels."""

    Config = CategoryConfig

    def __init__(self, config: CategoryConfig, width: int) -> None:
        super().__init__()
        self.config, self.dropout, self.width = config, config.dropout, width
        self.tables = nn.ParameterDict()
        self.slots: list[tuple[str, int]] = []
        self.names: dict[str, Tensor] = {}

    def read(self, features: Features) -> Tensor:
        """(N, S) int64 levels, the slots of one column beside those of the next; -1 where there is none."""
        grids = {name: self._levels(column) for name, column in features.columns.items()}
        for name, column in features.columns.items():
            self._extend(name, len(column.levels))
            if features.words is not None:
                self.names[name] = torch.from_numpy(features.words.encode(list(column.levels)).padded(-1)).long()
        old = dict(self.slots)
        self.slots = [(name, max(grid.shape[1], old.get(name, 0))) for name, grid in grids.items()]
        return torch.cat([F.pad(grids[n], (0, width - grids[n].shape[1]), value=-1) for n, width in self.slots], dim=1)

    def _levels(self, column: Column) -> Tensor:
        """(N, S)."""
        if isinstance(column.values, Ragged):
            first = Ragged(
                column.values.values,
                column.values.starts,
                np.minimum(column.values.stops, column.values.starts + self.config.most),
            )
            grid = first.padded(-1)
        else:
            grid = column.values[:, None]
        return torch.from_numpy(grid.astype(np.int64))

    def _extend(self, name: str, levels: int) -> None:
        key = _key(name)
        old = self.tables[key].detach() if key in self.tables else torch.zeros(0, self.width)
        more = torch.randn(max(levels - len(old), 0), self.width) * self.config.deviation
        if len(old):  # levels that came after training say nothing, in whatever portions they come
            more.zero_()
        self.tables[key] = nn.Parameter(torch.cat([old, more.to(old)]))

    def rows(self) -> dict[str, str]:
        """What the rows of its tables are."""
        return {f"tables.{_key(name)}": f"levels {name}" for name, _ in self.slots}

    def encode(self, values: Tensor) -> Tensor:
        """(N, S) → (N, D): the sum over columns of the mean of each column's levels."""
        start, total = 0, values.new_zeros(len(values), self.width, dtype=torch.float32)
        for name, width in self.slots:
            levels = values[:, start : start + width]
            start += width
            table = self.tables[_key(name)]
            if not width or not len(table):
                continue
            known = (levels >= 0).to(table.dtype)
            vectors = F.embedding(levels.clamp(min=0), table) * known.unsqueeze(-1)
            total = total + vectors.sum(1) / known.sum(1, keepdim=True).clamp(min=1)
        return total

    def words(self, values: Tensor) -> Tensor:
        """(N, S) → the names of the levels."""
        start, found = 0, [values[:, :0]]
        for name, width in self.slots:
            levels = values[:, start : start + width]
            start += width
            if len(names := self.names.get(name, NAMELESS)):
                told = names.to(values.device)[levels.clamp(min=0)].masked_fill((levels < 0).unsqueeze(2), -1)
                found.append(told.flatten(1))
        return torch.cat(found, dim=1)

    def present(self, values: Tensor) -> Tensor:
        """(N,) bool."""
        return (values >= 0).any(1)

    @classmethod
    def columns(cls, features: Features) -> list[str]:
        """The CATEGORY and LIST columns."""
        return list(features.of_kind(Kind.CATEGORY, Kind.LIST))


def _key(name: str) -> str:
    """A column name as the name of a parameter, which holds no dot and is no attribute of a module."""
    return "column " + name.replace(".", "\N{MIDDLE DOT}")
