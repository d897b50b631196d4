"""Pictures: opened with care, so that a bad one is a sentence and no crash."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from p5rec.towers.modalities._files import BadFileError, told_by

MOST = 50_000_000  # pixels; a small file can hold more than any memory


def opened(data: bytes, side: int) -> Any:
    """A picture of three colours and side × side pixels; what can be seen through is white behind.

    Raises:
        BadFileError: it is too large, broken or no picture.
    """
    from PIL import Image

    return _decoded(data, side, lambda picture: picture.resize((side, side), Image.Resampling.BILINEAR))


def thumbnail(data: bytes, side: int) -> Any:
    """A picture of three colours and of at most `side` pixels a side, its shape kept; white behind.

    Raises:
        BadFileError: it is too large, broken or no picture.
    """
    from PIL import ImageOps

    def shrunk(picture: Any) -> Any:
        return picture if max(picture.size) <= side else ImageOps.contain(picture, (side, side))

    return _decoded(data, side, shrunk)


def _decoded(data: bytes, side: int, sized: Callable[[Any], Any]) -> Any:
    """What `sized` makes of a picture of three colours, decoded to no less than `side` pixels a side."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as picture:
                if picture.width * picture.height > MOST:
                    raise BadFileError(f"{picture.width:,} × {picture.height:,} pixels are too many")
                picture.draft("RGB", (side, side))  # a large JPEG need not be decoded in full
                return sized(_plain(picture))
    except BadFileError:
        raise
    except Exception as error:  # broken files make the decoders raise almost anything
        raise BadFileError(told_by(error)) from None


def _plain(picture: Any) -> Any:
    """Any mode as RGB."""
    from PIL import Image

    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        level = np.asarray(picture, dtype=np.float32)
        low, high = float(level.min()), float(level.max())
        picture = Image.fromarray(((level - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        behind = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(behind, clear).convert("RGB")
    return picture.convert("RGB")
