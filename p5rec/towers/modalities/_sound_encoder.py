"""Encoders of sounds: pictures of their tones for a small net that learns, or a frozen audio model of transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p5rec.core import memo
from p5rec.core.errors import MissingExtra
from p5rec.core.hub import contents, located, opening
from p5rec.towers.modalities import _sounds
from p5rec.towers.modalities._files import one_by_one
from p5rec.towers.modalities._sounds import RATE, log_mel, opened, slots

LITTLE = 1e-3  # a deviation of a band below which it tells nothing
Heard = Callable[[bytes], np.ndarray]


def tones(sounds: Sequence[bytes], keys: Sequence[bytes], seconds: float, bands: int, parts: int) -> np.ndarray:
    """(N, 2 · bands · parts) float32: log-mel energies, mean and deviation in equal parts of the time.

    Made once by the hashes of the settings and of the content; NaN where a sound is broken.
    """
    _require("soundfile", "audio", "the modality 'audio'")
    size = 2 * bands * parts
    fixed = [getattr(_sounds, name) for name in ("RATE", "WINDOW", "HOP", "LOW", "HIGH", "OFFSET", "BINS")]

    def heard(data: bytes) -> np.ndarray:
        return slots(log_mel(opened(data, RATE, seconds), bands), parts).flatten().numpy()

    return memo.remembered(
        memo.digest_files([], "log-mel", *fixed, seconds, bands, parts),
        keys,
        lambda which: one_by_one(sounds, which, heard, lambda: size, f"reading {len(which):,} sounds"),
    )


def encoded(reader: str, sounds: Sequence[bytes], keys: Sequence[bytes], seconds: float) -> np.ndarray:
    """(N, E) float32: what an audio model of transformers hears, its states averaged over the time.

    Raises:
        MissingExtra: a package is not installed.
        InputError: there is no such model, or it cannot be read.
    """
    _require("soundfile", "audio", f"the modality 'audio' with reader = {reader!r}")
    _require("transformers", "encoders", f"the modality 'audio' with reader = {reader!r}")

    def run(which: list[int]) -> np.ndarray:
        heard, size = _model(reader, seconds)
        return one_by_one(sounds, which, heard, lambda: size, f"reading {len(which):,} sounds with {reader}")

    return memo.remembered(memo.digest_files(contents(located(reader)), "sounds", seconds), keys, run)


def _require(package: str, extra: str, purpose: str) -> None:
    if find_spec(package) is None:
        raise MissingExtra(package, extra, purpose)


def _model(reader: str, seconds: float) -> tuple[Heard, int]:
    """The model behind its own front end, and the width of its states."""
    from transformers import AutoFeatureExtractor, AutoModel

    folder = located(reader)
    with opening("modality 'audio'", reader, "an audio model", "config.json, preprocessor_config.json and weights"):
        front = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
        net, rate = model.get_encoder() if model.config.is_encoder_decoder else model, int(front.sampling_rate)
        size = len(_states(front, net, np.zeros(rate, dtype=np.float32)))
    return lambda data: _states(front, net, opened(data, rate, seconds)), size


def _states(front: Any, net: Any, sound: np.ndarray) -> np.ndarray:
    """(E,) the mean state over the time of a sound, without the silence that its front end adds."""
    given = front(sound, sampling_rate=front.sampling_rate, return_tensors="pt", return_attention_mask=True)
    known = given.pop("attention_mask", torch.ones(1, 1))
    with torch.no_grad():
        states = net(given[front.model_input_names[0]]).last_hidden_state[0]
    told = max(round(len(states) * float(known.float().mean())), 1)
    return states[:told].mean(0).numpy()


class Ear(nn.Module):
    """A small net over the time of log-mel energies: two convolutions, then what is usual and what stands out."""

    mean: Tensor
    scale: Tensor

    def __init__(self, given: Tensor, width: int, parts: int, filters: int, deviation: float) -> None:
        """Built on the (N, 2 · bands · parts) `tones` of what occurs in training."""
        super().__init__()
        bands = given.shape[1] // parts
        self.bands, self.parts = bands, parts
        known = given[~given.isnan().any(1)].view(-1, bands, parts)
        middle, spread = (known.mean((0, 2)), known.std((0, 2))) if len(known) > 1 else (torch.zeros(bands),) * 2
        self.register_buffer("mean", middle.repeat_interleave(parts))
        self.register_buffer("scale", torch.where(spread > LITTLE, spread, torch.ones(bands)).repeat_interleave(parts))
        self.first, self.then = nn.Conv1d(bands, filters, 3, padding=1), nn.Conv1d(filters, filters, 3, padding=1)
        self.last = nn.Linear(2 * filters, width, bias=False)
        nn.init.normal_(self.last.weight, std=deviation)

    def forward(self, given: Tensor) -> Tensor:
        """(N, 2 · bands · parts) → (N, D); rows of NaN give 0."""
        known = ~given.isnan().any(1, keepdim=True)
        level = ((given.nan_to_num() - self.mean) / self.scale).view(-1, self.bands, self.parts)
        heard = F.gelu(self.then(F.gelu(self.first(level))))
        usual = F.normalize(torch.cat([heard.mean(2), heard.amax(2)], dim=1), dim=1)
        return torch.where(known, self.last(usual), 0.0)
