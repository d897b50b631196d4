"""A vector for each row that occurs in training: what no content tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator
from torch import Tensor, nn

from p5rec.blocks.pairs import ahead, association
from p5rec.blocks.ridge import ridge
from p5rec.blocks.sized import SizedByState
from p5rec.blocks.spectrum import main_directions
from p5rec.contracts import Dataset, Modality
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.data.features import Features
from p5rec.data.ragged import Ragged
from p5rec.data.told import KINDS, rarity, told, weighed

NEAR = 5  # places apart in a history that still make a pair
SMOOTH = 0.75  # exponent of counts, as of the negatives of word2vec
NOISE = 0.1  # of the random vector is left in one that begins by pairs
PULL = 2.0  # strength of the ridge that maps content to vectors


class IdConfig(Config):
    """Settings of the id modality."""

    dropout: float = Field(0.1, ge=0, lt=1, description="share of ids hidden in training where there is content, too")
    deviation: float = Field(0.02, gt=0, description="standard deviation of the first vectors")
    start: Literal["random", "pairs"] = Field(
        "random", description="the first vectors; pairs: solved from what stands near what in training histories"
    )
    likeness: float = Field(
        5.0, ge=0, description="what being told in the same words and categories counts beside pairs (pairs)"
    )
    unseen: Literal["missing", "content"] = Field(
        "missing", description="the vectors of rows that training never saw; content: what words and categories say"
    )


class Id(SizedByState, Modality):
    """A learned table. Rows that never occur in training, and those that came later, have no id part, or one that
    their content tells.

    What maps words and categories to vectors is solved when training is over, from the rows that have learned one
    (attribute-to-feature mapping, Gantner et al. 2010), so that a new item stands among old ones that are like it.

    Attributes:
        table: (V, D) vectors.
        mapping: (F, D) what each word and category adds to a vector; 0 rows before it is solved.
        rare: (F,) how loud each is.
    """

    Config = IdConfig
    needs_columns = False
    mapping: Tensor
    rare: Tensor

    def __init__(self, config: IdConfig, width: int) -> None:
        super().__init__()
        self.config, self.dropout = config, config.dropout
        self.table = nn.Parameter(torch.zeros(0, width))
        self.register_buffer("mapping", torch.zeros(0, width))
        self.register_buffer("rare", torch.zeros(0))
        self._known = 0

    def read(self, features: Features) -> Tensor:
        """(N,) int64: the own number; for rows that have no vector of their own -1, or -2 - number where content may
        give one.
        """
        numbers, before = torch.arange(features.count), self._known
        own = numbers < (before or features.count) if features.seen is None else torch.from_numpy(features.seen)
        self._extend(features.count)
        if self.config.unseen == "missing":
            return numbers.where(own, -1)
        if before and len(self.mapping):
            self._map(told(features), (~own & (numbers >= before)).numpy())
        return numbers.where(own, -2 - numbers)

    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *others: Any) -> None:
        """Runs that were made before content gave vectors open as they were."""
        for name in ("mapping", "rare"):
            cast(dict[str, Tensor], state_dict).setdefault(prefix + name, getattr(self, name)[:0])
        super()._load_from_state_dict(state_dict, prefix, *others)

    def _extend(self, count: int) -> None:
        """Make room for further rows; old ones keep their vectors."""
        more = torch.randn(count - len(self.table), self.table.shape[1]) * self.config.deviation
        self.table = nn.Parameter(torch.cat([self.table.detach(), more.to(self.table)]))
        self._known = count

    def begin(self, dataset: Dataset) -> None:
        """Items near each other, or told alike, begin with vectors alike, if the page wants it; others at random."""
        if self.config.start == "random" or not len(self.table):
            return
        content = dataset.told_items
        alike = self.config.likeness**0.5 * weighed(content, rarity(content, dataset.item_counts))
        count, width = self.table.shape
        solved = torch.from_numpy(near(dataset.history("train"), count, width, alike))
        paired = solved.norm(dim=1) > 0
        if not paired.any():
            return
        scale = self.config.deviation / solved[paired].std().clamp(min=1e-9)
        with torch.no_grad():
            self.table[paired] = NOISE * self.table[paired] + scale * solved[paired].to(self.table)

    def settle(self, dataset: Dataset) -> None:
        """Solve what content says of vectors, and give it to rows without one of their own, if the page wants it."""
        features = dataset.known_items
        if self.config.unseen == "missing" or not (content := dataset.told_items).nnz:
            return
        assert features.seen is not None
        rare = rarity(content, features.seen)
        vectors = self.table.detach().float().numpy(force=True)[features.seen]
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        found = ridge(weighed(content, rare)[features.seen], vectors / np.maximum(length, 1e-9), PULL)
        self.mapping = torch.from_numpy(found * length.mean()).to(self.table)
        self.rare = torch.from_numpy(rare).to(self.table)
        self._map(content, ~features.seen)

    def _map(self, content: sparse.csr_array, rows: np.ndarray) -> None:
        """Fill rows (V,) bool of the table by their content (V, F); 0 where it says nothing."""
        rare, mapping = (one.numpy(force=True) for one in (self.rare, self.mapping))
        size = max(content.shape[1] - len(rare), 0)  # words and categories that came later say nothing
        found = weighed(content, np.pad(rare, (0, size)))[rows] @ np.pad(mapping, ((0, size), (0, 0)))
        with torch.no_grad():
            self.table[torch.from_numpy(rows)] = torch.from_numpy(found).to(self.table)

    def rows(self) -> dict[str, str]:
        """What the rows of its table are."""
        return {"table": "rows"}

    def encode(self, values: Tensor) -> Tensor:
        """(N,) → (N, D)."""
        return F.embedding(_place(values), self.table)

    def present(self, values: Tensor) -> Tensor:
        """(N,) bool; what content gave is nothing that training should count on."""
        own, given = values >= 0, values < -1
        if self.training or not len(self.mapping) or not given.any():
            return own
        return own | (given & (self.table[_place(values)] != 0).any(1))

    @classmethod
    def columns(cls, features: Features) -> list[str]:
        """Words and categories; it does without them."""
        return list(features.of_kind(*KINDS))


def _place(values: Tensor) -> Tensor:
    """Values → rows of the table; the first one for what has none."""
    return torch.where(values < -1, -2 - values, values).clamp(min=0)


def near(together: Ragged, count: int, width: int, content: sparse.csr_array | None = None) -> np.ndarray:
    """(V, D) float32 vectors whose products tell what stands near what more often than by chance, and what is alike.

    Without content they solve in one go what word2vec with negative samples learns (Levy & Goldberg 2014; Barkan &
    Koenigstein 2016 for items): the main directions of the positive pointwise mutual information of pairs, each counted
    over its distance. Products of content are added to it, so that items of few events begin near what is like them.

    Args:
        together: rows of numbers, in order.
        count: V.
        width: D; with fewer directions than that the rest is 0.
        content: (V, F) what items are told in; None: nothing.

    Returns:
        Vectors, 0 where an item has neither pairs nor content.
    """
    pairs = ahead(*together.flat(), count, NEAR, lambda distance: 1 / distance)
    table: Any = aslinearoperator(association(pairs + pairs.T, SMOOTH))
    if content is not None:
        table = table + aslinearoperator(content) @ aslinearoperator(content.T)
    left, strength, right = main_directions(table, width, seeds.rng(0, "near"))
    strength = strength * ((left * right).sum(0) > 0)  # what is told by being far apart is no product of like vectors
    return np.pad((left * np.sqrt(strength)).astype(np.float32), ((0, 0), (0, width - len(strength))))
