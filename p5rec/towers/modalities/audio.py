"""Sounds as a small net learns to hear them, or as a frozen audio model of transformers does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from p5rec.data.features import Kind
from p5rec.towers.modalities._files import Filed, FiledConfig
from p5rec.towers.modalities._sound_encoder import Ear, encoded, tones
from p5rec.towers.modalities._sounds import RATE, opened


class AudioConfig(FiledConfig):
    """Settings of the audio modality."""

    reader: str | None = Field(
        None,
        description="folder or hub name of an audio model of transformers, frozen; else a small net that learns",
    )
    seconds: float = Field(10.0, gt=0, le=600, description="of a sound that are read, the first ones")
    bands: int = Field(64, ge=8, le=128, description="of tones that the small net tells apart")
    parts: int = Field(16, ge=1, description="of the time of a sound, in each of which the small net hears one thing")
    filters: int = Field(64, ge=1, description="width of the small net")


class Audio(Filed):
    """All AUDIO columns: paths, or bytes as ``data:`` addresses; FLAC, WAV, MP3, OGG and what else libsndfile reads.

    What is learned from, log-mel energies or the vectors of a frozen model, is made once and kept by content. A sound
    that cannot be read, or is silent, is a missing part.
    """

    Config = AudioConfig
    kinds = (Kind.AUDIO,)
    noun = "sounds"

    def encoded(self, files: Sequence[bytes], keys: Sequence[bytes]) -> np.ndarray:
        """(N, E) energies, or what the reader makes of the sounds."""
        config = self.config
        if config.reader is not None:
            return encoded(config.reader, files, keys, config.seconds)
        return tones(files, keys, config.seconds, config.bands, config.parts)

    def examine(self, data: bytes) -> None:
        """Raises what is wrong with a sound."""
        opened(data, RATE, self.config.seconds)

    def projection(self, given: Tensor) -> nn.Module:
        """The small net, or a projection of frozen vectors."""
        config = self.config
        if config.reader is not None:
            return super().projection(given)
        return Ear(given, self.width, config.parts, config.filters, config.deviation)
