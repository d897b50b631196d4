"""Small copies of pictures that a page can hold in itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from p5rec.towers.modalities._files import BadFileError, content
from p5rec.towers.modalities._pictures import thumbnail

SIDE, COLOURS, QUALITY = 96, 64, 80  # pixels of a side at most; colours of a drawing, quality of a photograph
ROOM = 1 << 20  # bytes of all small copies together


def thumbnails(told: Iterable[str | None], folder: Path, room: int = ROOM) -> list[str]:
    """A ``data:`` address of a small copy of each picture, made anew: nothing of a file but its pixels is kept.

    Args:
        told: paths (below the folder, else as they stand) or ``data:`` addresses; None where there is no picture.
        folder: of the paths.
        room: bytes that all addresses together may take.

    Returns:
        One address each; "" where there is no picture or it cannot be read, the room is taken, or Pillow is missing.
    """
    found = []
    for one in told:
        address = _address(one, folder) if one is not None and find_spec("PIL") is not None else ""
        found.append(address if len(address) <= room else "")
        room -= len(found[-1])
    return found


def _address(told: str, folder: Path) -> str:
    try:
        small = thumbnail(content(told, folder), SIDE)
    except BadFileError:
        return ""
    small.info.clear()  # Pillow writes comments and colour profiles of the original into a copy
    drawn, seen = io.BytesIO(), io.BytesIO()
    small.quantize(COLOURS).save(drawn, "PNG", optimize=True)
    small.save(seen, "JPEG", quality=QUALITY)
    kind, data = min(("png", drawn), ("jpeg", seen), key=lambda one: one[1].tell())
    return f"data:image/{kind};base64,{base64.b64encode(data.getvalue()).decode()}"
