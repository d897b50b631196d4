"""Texts as a frozen encoder reads them: all-MiniLM-L6-v2, or any of transformers and sentence-transformers."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.towers.modalities._projected import Projected, ProjectedConfig
from p5rec.towers.modalities._text_encoder import MINILM, encoded


class EncoderConfig(ProjectedConfig):
    """Settings of the encoder modality."""

    model: str = Field(
        MINILM,
        description="folder or hub name of a (sentence-)transformers encoder; 'hashed': pieces of words, no model",
    )
    names: bool = Field(True, description="names of categories are read behind the texts, too")
    longest: int | None = Field(None, ge=8, description="tokens of a text that are read; else as the model says")


class Encoder(Projected):
    """All TEXT columns and the names of categories of a row as one text; its vector is projected, which is learned.

    The encoder runs once; its vectors are kept by the hashes of the model and of the text.
    """

    Config = EncoderConfig
    kinds = (Kind.TEXT, Kind.CATEGORY, Kind.LIST)

    def vectors(self, features: Features) -> list[np.ndarray]:
        """One vector of each row that has a text."""
        texts = told(features, self.config.names)
        known = [row for row, text in enumerate(texts) if text]
        if not known:
            return [np.full((len(texts), self.size), np.nan, dtype=np.float32)]
        found = encoded(self.config.model, [texts[row] for row in known], self.config.longest)
        vectors = np.full((len(texts), found.shape[1]), np.nan, dtype=np.float32)
        vectors[known] = found
        return [vectors]


def told(features: Features, names: bool) -> list[str]:
    """(N,) the texts of each row, then the names of its categories; empty where there is nothing."""
    texts = [_texts(column) for column in features.of_kind(Kind.TEXT).values()]
    if names:
        texts += [_names(column) for column in features.of_kind(Kind.CATEGORY, Kind.LIST).values()]
    return [". ".join(part for part in row if part) for row in zip(*texts, strict=True)] or [""] * features.count


def _texts(column: Column) -> list[str]:
    return [text or "" for text in np.asarray(column.values)]


def _names(column: Column) -> list[str]:
    levels = column.levels
    if isinstance(column.values, Ragged):
        return [", ".join(levels[level] for level in row) for row in column.values]
    return [levels[level] if level >= 0 else "" for level in column.values]
