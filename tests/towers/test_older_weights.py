"""Frozen encoders whose weights lie in a `.bin` file: other weights are another encoder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_encoder import bert
from test_pictures import png, vit
from test_sounds import tiny, wave, written

from p5rec.core import memo
from p5rec.towers.modalities import _image_encoder, _sound_encoder, _text_encoder

SOUND = written(wave())
ENCODERS: dict[str, tuple[Callable[[Path], None], Callable[[str], np.ndarray]]] = {
    "text": (bert, lambda name: _text_encoder.encoded(name, ["red tea"])),
    "image": (vit, lambda name: _image_encoder.encoded(name, [png()])),
    "audio": (
        lambda folder: tiny("wav2vec2", folder),
        lambda name: _sound_encoder.encoded(name, [SOUND], [memo.digest(SOUND)], 1.0),
    ),
}


@pytest.mark.parametrize("kind", ENCODERS)
def test_other_weights_are_another_encoder(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv(memo.CACHE, str(tmp_path / "cache"))
    make, encoded = ENCODERS[kind]
    make(tmp_path / "model")
    state = load_file(tmp_path / "model" / "model.safetensors")
    (tmp_path / "model" / "model.safetensors").unlink()
    torch.save(state, tmp_path / "model" / "pytorch_model.bin")
    first = encoded(str(tmp_path / "model"))
    torch.save(
        {name: value + torch.randn_like(value) for name, value in state.items()},
        tmp_path / "model" / "pytorch_model.bin",
    )
    assert not np.allclose(encoded(str(tmp_path / "model")), first)
