"""Texts as the weighted mean of their words' vectors, which are the model's own where it reads words itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from p5rec.contracts import Modality
from p5rec.core.config import Config
from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged, joined
from p5rec.data.words import Words

NONE = np.zeros(0, dtype=np.int64)  # no words


class TextConfig(Config):
    """Settings of the text modality."""

    dropout: float = Field(0.1, ge=0, lt=1, description="share of rows whose text is hidden in training")
    most: int = Field(24, ge=1, description="words of a row that are read, the first ones of each column in turn")
    names: bool = Field(True, description="names of categories are read as words, too")
    deviation: float = Field(0.02, gt=0, description="standard deviation of the first vectors")


class Text(Modality):
    """All TEXT columns, and the names of categories, in the words of the data's vocabulary.

    A word's weight is learned, so that words which tell nothing fade.
    """

    Config = TextConfig

    def __init__(self, config: TextConfig, width: int) -> None:
        super().__init__()
        self.config, self.dropout, self.width = config, config.dropout, width
        self.lexicon: nn.Embedding | None = None
        self.weights = nn.Parameter(torch.zeros(0))
        self.mix: nn.Linear | None = None

    def share(self, words: nn.Embedding) -> None:
        """Read with these word vectors."""
        self.lexicon = words

    def read(self, features: Features) -> Tensor:
        """(N, S) int64 words, -1 behind the last."""
        assert features.words is not None, "columns() are none without a vocabulary"
        if self.lexicon is None:
            self.lexicon = nn.Embedding(features.words.size, self.width)
            nn.init.normal_(self.lexicon.weight, std=self.config.deviation)
        if self.mix is None:
            self.mix = nn.Linear(self.lexicon.embedding_dim, self.width)
        more = max(features.words.size, self.lexicon.num_embeddings) - len(self.weights)
        self.weights = nn.Parameter(torch.cat([self.weights.detach(), torch.zeros(max(more, 0))]))
        rows = Ragged.of([[]] * features.count)
        for column in features.columns.values():
            rows = joined(rows, _words(column, features.words))
        first = Ragged(rows.values, rows.starts, np.minimum(rows.stops, rows.starts + self.config.most))
        grid = first.padded(-1).astype(np.int64)
        return torch.from_numpy(grid if grid.shape[1] else np.full((features.count, 1), -1))

    def words(self, values: Tensor) -> Tensor:
        """(N, S), the values themselves."""
        return values

    def rows(self) -> dict[str, str]:
        """What the rows of its tables are."""
        return {"weights": "words", "lexicon.weight": "words"}

    def encode(self, values: Tensor) -> Tensor:
        """(N, S) → (N, D)."""
        assert self.lexicon is not None, "read before encode"
        assert self.mix is not None, "read before encode"
        known = values >= 0
        place = values.clamp(min=0)
        shares = self.weights[place].masked_fill(~known, -torch.inf).softmax(1).nan_to_num(0.0)
        mean = F.embedding_bag(place, self.lexicon.weight.float(), per_sample_weights=shares.float(), mode="sum")
        vectors: Tensor = self.mix(mean)
        return vectors

    def present(self, values: Tensor) -> Tensor:
        """(N,) bool."""
        return (values >= 0).any(1)

    @classmethod
    def columns(cls, features: Features) -> list[str]:
        """The TEXT columns and those of categories, where the data has a vocabulary and at least one text or name."""
        return list(features.of_kind(Kind.TEXT, Kind.CATEGORY, Kind.LIST)) if features.words is not None else []


def _words(column: Column, words: Words) -> Ragged:
    """Rows of words of a column."""
    if column.kind == Kind.TEXT:
        return words.encode(list(np.asarray(column.values)))
    names = words.encode(list(column.levels))
    levels = column.values if isinstance(column.values, Ragged) else _single(column.values)
    return Ragged.of([np.concatenate([NONE, *(names[level] for level in row)]) for row in levels])


def _single(values: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of one level, or none."""
    return (np.array([level] if level >= 0 else [], dtype=np.int64) for level in values)
