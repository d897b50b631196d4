"""What modalities share whose values are vectors that others made: each column normalised and projected."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from p5rec.contracts import Modality
from p5rec.core.config import Config
from p5rec.data.features import Features, Kind

LITTLE = 1e-6  # a length below which a vector points nowhere


class ProjectedConfig(Config):
    """Settings of a modality of given vectors."""

    dropout: float = Field(0.1, ge=0, lt=1, description="share of rows whose vectors are hidden in training")
    hidden: int = Field(0, ge=0, description="width of a hidden layer between a vector and its part; 0: linear")
    deviation: float = Field(0.02, gt=0, description="about the standard deviation of the first parts")
    pace: float = Field(
        1.0,
        gt=0,
        description="how fast the map is learned; 1 moves a part about √(width of a vector) times as fast as an id",
    )


class Projected(Modality):
    """Columns of vectors, side by side; the part of a row is the sum of the projections of those it has."""

    Config = ProjectedConfig
    rowwise = True  # files of old rows may be gone, and nets take long
    kinds: ClassVar[tuple[Kind, ...]]

    def __init__(self, config: Any, width: int) -> None:
        super().__init__()
        self.config, self.dropout, self.width = config, config.dropout, width
        self.projections: nn.ModuleList | None = None

    @abstractmethod
    def vectors(self, features: Features) -> list[np.ndarray]:
        """The (N, E) vectors of each source, float32; rows of NaN are missing."""

    def projection(self, given: Tensor) -> nn.Module:
        """What makes (N, E) vectors of a source (N, D), fitted on those of training; has ``mean`` (E,)."""
        return Projection(given, self.width, self.config)

    def read(self, features: Features) -> Tensor:
        """(N, E) float32, the vectors of one source beside those of the next; NaN where there is none.

        The first reading says what is normal: the mean and the length of the rows that occur in training.
        """
        with torch.random.fork_rng(devices=[]):  # frozen models must not change what is drawn after them
            given = [_whole(one) for one in self.vectors(features)]
        if self.projections is None:
            seen = slice(None) if features.seen is None else torch.from_numpy(np.asarray(features.seen))
            self.projections = nn.ModuleList(self.projection(one[seen]) for one in given)
        return torch.cat([torch.zeros(features.count, 0), *given], dim=1)

    @property
    def size(self) -> int:
        """E of all that was read before, 0 before that."""
        return sum(cast(Projection, one).mean.shape[0] for one in self.projections or ())

    def encode(self, values: Tensor) -> Tensor:
        """(N, E) → (N, D)."""
        assert self.projections is not None, "read before encode"
        start, total = 0, values.new_zeros(len(values), self.width)
        for projection in self.projections:
            size = cast(Projection, projection).mean.shape[0]
            total = total + projection(values[:, start : start + size])
            start += size
        return total

    def present(self, values: Tensor) -> Tensor:
        """(N,) bool."""
        return (~values.isnan()).any(1)

    @classmethod
    def columns(cls, features: Features) -> list[str]:
        """The columns of its kinds."""
        return list(features.of_kind(*cls.kinds))


def _whole(vectors: np.ndarray) -> Tensor:
    """The same (N, E) vectors; one that lacks a number is none."""
    found = np.array(vectors, dtype=np.float32)  # a copy: columns are mapped from files that must not change
    found[~np.isfinite(found).all(1)] = np.nan
    return torch.from_numpy(found)


class Projection(nn.Module):
    """Vectors brought to length 1, less their mean, at about length 1 again, through a linear map or a small net."""

    mean: Tensor
    length: Tensor

    def __init__(self, given: Tensor, width: int, config: ProjectedConfig) -> None:
        super().__init__()
        size = given.shape[1]
        known = F.normalize(given[~given.isnan().any(1)], dim=1)
        self.register_buffer("mean", known.mean(0) if len(known) else torch.zeros(size))
        length = (known - self.mean).norm(dim=1).mean() if len(known) > 1 else torch.ones(())
        self.register_buffer("length", length if length > LITTLE else torch.ones(()))
        layers = [nn.Linear(size, config.hidden), nn.GELU()] if config.hidden and size else []
        last = nn.Linear(config.hidden if layers else size, width, bias=bool(layers))
        nn.init.normal_(last.weight, std=config.deviation / config.pace)
        self.net, self.pace = nn.Sequential(*layers, last), config.pace

    def forward(self, given: Tensor) -> Tensor:
        """(N, E) → (N, D); rows of NaN give 0."""
        known = ~given.isnan().any(1, keepdim=True)
        level = (F.normalize(given.nan_to_num(), dim=1) - self.mean) / self.length
        projected: Tensor = self.net(level) * self.pace
        return torch.where(known, projected, 0.0)
