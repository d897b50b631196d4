"""Graphs of items or users: vectors that travelled over their edges, so that who is linked alike is alike."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from scipy import sparse

from p5rec.blocks.spectrum import main_directions
from p5rec.core import seed as seeds
from p5rec.core.errors import InputError, nearest
from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.towers.modalities._projected import Projected, ProjectedConfig


class GraphConfig(ProjectedConfig):
    """Settings of the graph modality."""

    of: tuple[str, ...] = Field((), description="columns of links that are read; empty: all, training events included")
    size: int = Field(64, ge=1, description="numbers of a vector before it is projected")
    hops: int = Field(1, ge=1, description="times that vectors travel from rows to what they link to and back")


class Graph(Projected):
    """All LINK columns: friends or knowledge (``data.source.user_links``, ``item_links``), and the training events.

    Travelling over edges weighed by 1/√(degree · degree) leaves the main directions of the graph, and each hop lets
    the weaker ones fade (Shen et al. 2021). These directions of what is linked to are found once; the vector of a row
    is what its own links carry to it, so further rows change no old one.
    """

    Config = GraphConfig
    kinds = (Kind.LINK,)

    config: GraphConfig

    def vectors(self, features: Features) -> list[np.ndarray]:
        """What the links of each row carry to it, (N, E) a column; rows without links have none.

        Raises:
            InputError: the page names a column of links that is not there.
        """
        found = []
        for number, name in enumerate(self._chosen(features)):
            links, key = _matrix(features.columns[name]), f"directions_{number}"
            if key not in self._buffers:
                self.register_buffer(key, torch.from_numpy(directions(links, self.config.size, self.config.hops)))
            found.append(carried(links, self.get_buffer(key).numpy(force=True)))
        return found

    def _chosen(self, features: Features) -> list[str]:
        missing = [name for name in self.config.of if name not in features.columns]
        if missing:
            raise InputError(
                f"modality graph, of: there are no links called {missing[0]!r}; {nearest(missing[0], features.columns)}"
            )
        return list(self.config.of or features.columns)


def _matrix(column: Column) -> sparse.csr_array:
    """(N, M) float32, 1 where a row links to another; M is one more than the last that anything links to."""
    rows = column.values
    assert isinstance(rows, Ragged)
    row, other = rows.flat()
    count = int(other.max(initial=-1)) + 1
    return sparse.csr_array((np.ones(len(row), np.float32), (row, other)), shape=(len(rows), count))


def directions(links: sparse.csr_array, size: int, hops: int) -> np.ndarray:
    """(M, E) what every other tells the rows that link to it, E ≤ size: main directions of the normalised links.

    For links A = D⁻½ L D⁻½ = U S Vᵀ it is D⁻½ V S^(2 hops - 2), so that A times it is U S^(2 hops - 1).
    """
    scaled = sparse.csr_array(_rooted(links.sum(1))[:, None] * links * _rooted(links.sum(0))[None, :])
    _, strength, main = main_directions(scaled, size, seeds.rng(0, "directions"))
    told = _rooted(links.sum(0))[:, None] * main * strength ** (2 * hops - 2)
    return np.ascontiguousarray(told, dtype=np.float32)


def carried(links: sparse.csr_array, told: np.ndarray) -> np.ndarray:
    """(N, E) what the links of each row bring it, over the root of their number; NaN where it has none."""
    within = links[:, : len(told)]  # what came later tells nothing
    count = np.diff(links.indptr)
    vectors = within @ told[: within.shape[1]] * _rooted(count)[:, None]
    return np.where((count > 0)[:, None], vectors, np.nan).astype(np.float32)


def _rooted(counts: np.ndarray) -> np.ndarray:
    """1 / √ of each, 0 for 0."""
    return np.where(counts > 0, 1 / np.sqrt(np.maximum(counts, 1)), 0.0)
