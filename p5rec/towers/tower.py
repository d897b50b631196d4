"""The tower: all that is known of an item or a user as one vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p5rec.blocks.sized import SizedByState
from p5rec.contracts import Fusion, Modality, Tower
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.data.features import Features

NONE = -1  # no word
Plugs = Mapping[str, tuple[type[Modality], Any]]


def build(
    features: Features,
    width: int,
    modalities: Plugs,
    fusion: tuple[type[Fusion], Config],
    words: nn.Embedding | None = None,
) -> Tower:
    """A tower over these features; modalities whose columns the data lacks step aside.

    Args:
        features: what is known of each row.
        width: D of the vectors.
        modalities: name → (class, configuration).
        fusion: (class, configuration) of what makes one vector out of several parts.
        words: the word vectors of the model, for modalities that read words.

    Raises:
        InputError: no modality is left.
    """
    views = {}
    for name, (plug, config) in modalities.items():
        if plug.columns(features) or not plug.needs_columns:
            views[name] = cast(Any, plug)(config, width)
            if words is not None:
                views[name].share(words)
    if not views:
        raise InputError(
            f"modalities: none of {', '.join(modalities) or '(none)'} finds a column it could read in the data "
            f"({', '.join(features.columns) or 'no columns'}); add 'id', which needs none"
        )
    if list(views) == ["id"]:
        return IdTower(features, width, views["id"])
    return FeatureTower(features, width, views, cast(Any, fusion[0])(fusion[1], list(views), width))


def of_modality(view: Modality, features: Features) -> Tensor:
    """(N, …) values of a modality."""
    return view.read(features.only(view.columns(features)))


def _longer(view: Modality, features: Features, before: Tensor) -> Tensor:
    """The values of all rows, where some have joined; old rows keep theirs, `before`."""
    own = features.only(view.columns(features))
    values = view.read(own.behind(len(before)) if view.rowwise else own)
    new = values if view.rowwise else values[len(before) :]
    same = values.shape[1:] == before.shape[1:]  # else rows are as wide as the longest, and it has joined
    return torch.cat([before, new.to(before)]) if same else values


class IdTower(Tower):
    """Ids alone: an embedding table and one vector for the unknown, at the cost of just that."""

    def __init__(self, features: Features, width: int, view: Modality) -> None:
        super().__init__()
        self.width, self.count, self.view = width, features.count, view
        of_modality(view, features)
        self.missing = nn.Parameter(torch.zeros(width))

    @property
    def table(self) -> Tensor:
        """(V, D)."""
        return cast(Tensor, self.view.table)

    def parts(self, ids: Tensor) -> dict[str, Tensor]:
        """(N,) numbers → {"id": (N, D)}."""
        return {"id": self(ids)}

    def forward(self, ids: Tensor) -> Tensor:
        """(…) numbers → (…, D); -1 gives the vector of the unknown."""
        return torch.where((ids < 0).unsqueeze(-1), self.missing, F.embedding(ids.clamp(min=0), self.table))

    def all(self) -> Tensor:
        """(V, D), the table itself."""
        return self.table

    def grow(self, features: Features) -> None:
        """Further rows begin as the unknown, if their content says nothing."""
        new = self.view.present(of_modality(self.view, features)).logical_not()
        new[: self.count] = False
        self.count = features.count
        with torch.no_grad():
            self.table[new] = self.missing


class FeatureTower(Tower):
    """Several modalities, fused; a part that is not known is a learned vector of its modality."""

    def __init__(self, features: Features, width: int, views: Mapping[str, Modality], fusion: Fusion) -> None:
        super().__init__()
        self.width, self.count = width, features.count
        self.views, self.fusion, self.values = nn.ModuleDict(views), fusion, Values()
        self.missing = nn.ParameterDict({name: nn.Parameter(torch.zeros(width)) for name in views})
        self._read(features)

    def parts(self, ids: Tensor) -> dict[str, Tensor]:
        """(N,) numbers → {modality: (N, D)}."""
        return self._looked_up(ids)[0]

    def forward(self, ids: Tensor) -> Tensor:
        """(…) numbers → (…, D), fused; -1 is one of which nothing is known."""
        parts, present = self._looked_up(ids.reshape(-1), self.fusion.first_decides)
        fused: Tensor = self.fusion(parts, present)
        return fused.view(*ids.shape, self.width)

    def all(self) -> Tensor:
        """(V, D)."""
        return self(torch.arange(self.count, device=self.missing[next(iter(self.views))].device))

    def known(self) -> dict[str, Tensor]:
        """Modality → (V,) bool."""
        return {name: view.present(getattr(self.values, name)) for name, view in self._modalities()}

    def words(self, ids: Tensor) -> Tensor:
        """(N,) numbers → (N, S)."""
        place = ids.clamp(min=0)
        found = [view.words(getattr(self.values, name)[place]) for name, view in self._modalities()]
        return torch.cat(found, dim=1).masked_fill((ids < 0).unsqueeze(1), NONE)

    def grow(self, features: Features) -> None:
        """Take in further rows; old rows keep their vectors."""
        for name, view in self._modalities():
            setattr(self.values, name, _longer(view, features, getattr(self.values, name)))
        self.count = features.count

    def _read(self, features: Features) -> None:
        for name, view in self._modalities():
            setattr(self.values, name, of_modality(view, features))

    def _looked_up(self, ids: Tensor, first_decides: bool = False) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Parts (N, D), the unknown ones filled, and whether each is known (N,); others than the first only where
        it is not, if it decides.
        """
        parts, present = {}, {}
        place, left = ids.clamp(min=0), ids >= 0
        for name, view in self._modalities():
            values = getattr(self.values, name)[place]
            here = present[name] = left & view.present(values) & self._kept(view, ids) & self._looked_at(name)
            parts[name] = self._encoded(name, view, values, here)
            if first_decides and len(parts) == 1:
                left = left & ~here
        return parts, present

    def _encoded(self, name: str, view: Modality, values: Tensor, here: Tensor) -> Tensor:
        """(N, D) the part where it is `here` (N,), else the vector of the missing; few rows are made alone."""
        missing = self.missing[name]
        if 2 * int(here.sum()) > len(here):
            return torch.where(here.unsqueeze(1), view.encode(values), missing)
        rows = here.nonzero().squeeze(1)
        return missing.expand(len(here), -1).index_copy(0, rows, view.encode(values[rows]).to(missing.dtype))

    def _looked_at(self, name: str) -> bool:
        return self.only is None or name in self.only

    def _kept(self, view: Modality, ids: Tensor) -> Tensor:
        """(N,) bool: parts that are not hidden in this step."""
        if not self.training or not view.dropout:
            return ids == ids
        return torch.rand(len(ids), device=ids.device) >= view.dropout

    def _modalities(self) -> list[tuple[str, Modality]]:
        return [(name, cast(Modality, view)) for name, view in self.views.items()]


class Values(SizedByState):
    """The values of all rows by modality, saved with the model."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and name not in self._buffers:
            self.register_buffer(name, value)
        else:
            super().__setattr__(name, value)
