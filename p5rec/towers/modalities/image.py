"""Pictures as a frozen net sees them: EfficientNet-Lite0, or any vision model of transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import Field

from p5rec.core.progress import say
from p5rec.data.features import Column, Features, Kind
from p5rec.towers.modalities._image_encoder import LITE, encoded
from p5rec.towers.modalities._pictures import BadPictureError, content, opened
from p5rec.towers.modalities._projected import Projected, ProjectedConfig


class ImageConfig(ProjectedConfig):
    """Settings of the image modality."""

    reader: str = Field(
        LITE, description="'efficientnet-lite0', 'colours' (no net), or folder or hub name of a vision model"
    )
    folder: str = Field("", description="folder that paths of pictures are relative to; else the working folder")


class Image(Projected):
    """All IMAGE columns: paths, or bytes as ``data:`` addresses. A picture that cannot be read is a missing part.

    The net runs once; its vectors are kept by the hashes of the net and of the picture.
    """

    Config = ImageConfig
    kinds = (Kind.IMAGE,)

    def vectors(self, features: Features) -> list[np.ndarray]:
        """One vector of each row that has a picture, column by column."""
        return [self._of_column(name, column) for name, column in features.columns.items()]

    def _of_column(self, name: str, column: Column) -> np.ndarray:
        told = [(row, str(one)) for row, one in enumerate(np.asarray(column.values)) if one is not None]
        bad, kept, pictures = [], [], []
        for row, one in told:
            try:
                pictures.append(content(one, Path(self.config.folder)))
                kept.append(row)
            except BadPictureError as error:
                bad.append(f"{one[:60]} ({error})")
        found = encoded(self.config.reader, pictures or [b""])
        vectors = np.full((len(column), found.shape[1]), np.nan, dtype=np.float32)
        vectors[kept] = found[: len(kept)]
        names = dict(told)
        broken = [n for n, row in enumerate(kept) if np.isnan(vectors[row]).any()]
        bad += [f"{names[kept[n]][:60]} ({_why(pictures[n])})" for n in broken[:1]]
        if bad:
            count = len(told) - len(kept) + len(broken)
            say(f"{name}: {count} of {len(told)} pictures cannot be read and count as missing, e.g. {bad[0]}")
        return vectors


def _why(picture: bytes) -> str:
    try:
        opened(picture, 8)
    except BadPictureError as error:
        return str(error)
    return "its vector is not finite"
