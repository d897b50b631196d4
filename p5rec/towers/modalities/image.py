"""Pictures as a frozen net sees them: EfficientNet-Lite0, or any vision model of transformers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from p5rec.data.features import Kind
from p5rec.towers.modalities._files import Filed, FiledConfig
from p5rec.towers.modalities._image_encoder import LITE, encoded
from p5rec.towers.modalities._pictures import opened


class ImageConfig(FiledConfig):
    """Settings of the image modality."""

    reader: str = Field(
        LITE, description="'efficientnet-lite0', 'colours' (no net), or folder or hub name of a vision model"
    )


class Image(Filed):
    """All IMAGE columns: paths, or bytes as ``data:`` addresses. A picture that cannot be read is a missing part.

    The net runs once; its vectors are kept by the hashes of the net and of the picture.
    """

    Config = ImageConfig
    kinds = (Kind.IMAGE,)
    noun = "pictures"

    def encoded(self, files: Sequence[bytes], keys: Sequence[bytes]) -> np.ndarray:
        """(N, E), as the reader sees them."""
        return encoded(self.config.reader, files, keys)

    def examine(self, data: bytes) -> None:
        """Raises what is wrong with a picture."""
        opened(data, 8)
