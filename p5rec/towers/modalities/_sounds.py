"""Sounds: opened with care, as one channel at one rate and of bounded length, and as a picture of their tones."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import resample_poly
from torch import Tensor

from p5rec.towers.modalities._files import BadFileError, told_by

RATES = (1_000, 768_000)  # samples a second that a recording may have
MOST = 50_000_000  # samples of all channels that are decoded
QUIET = 1e-4  # of full scale: below this peak, -80 dB, there is nothing to hear
NEAREST = 1_000  # rates are brought to another by a ratio of at most so large numbers

# As Hershey et al., 2017 ("CNN architectures for large-scale audio classification"): 25 ms every 10 ms at 16 kHz.
RATE, WINDOW, HOP, LOW, HIGH, OFFSET = 16_000, 400, 160, 125.0, 7_500.0, 0.01
BINS = 1_024  # of the transform: low bands are narrower than those of the window itself


def opened(data: bytes, rate: int, seconds: float) -> np.ndarray:
    """(T,) float32, the beginning of a sound: the mean of its channels, at `rate`, of at most so many seconds.

    Raises:
        BadFileError: it is broken, empty, silent, of an odd rate, too wide or no sound.
    """
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            heard, own = _read(file, seconds), int(file.samplerate)
    except BadFileError:
        raise
    except Exception as error:  # broken files make the decoders raise almost anything
        raise BadFileError(told_by(error)) from None
    if len(heard) < WINDOW * own / RATE:
        raise BadFileError(f"{len(heard):,} samples are too few" if len(heard) else "it is empty")
    if not np.isfinite(heard).all():
        raise BadFileError("not all samples are numbers")
    if np.abs(heard).max() < QUIET:
        raise BadFileError("it is silent")
    ratio = Fraction(rate, own).limit_denominator(NEAREST)
    return heard if ratio == 1 else resample_poly(heard, ratio.numerator, ratio.denominator).astype(np.float32)


def _read(file: Any, seconds: float) -> np.ndarray:
    """(T,) one channel, the first seconds."""
    rate, channels = int(file.samplerate), int(file.channels)
    if not RATES[0] <= rate <= RATES[1]:
        raise BadFileError(f"{rate:,} samples a second are no rate of sound")
    count = int(seconds * rate)
    if count * channels > MOST:
        raise BadFileError(f"{channels} channels of {rate:,} samples a second are too many")
    heard: np.ndarray = file.read(count, dtype="float32", always_2d=True).mean(axis=1)
    return heard


def log_mel(sound: np.ndarray, bands: int) -> Tensor:
    """(bands, frames) natural logarithm of the energy in bands of the mel scale, of a sound at `RATE`.

    Sounds are brought to one loudness first: how loud a recording is tells of the recording.
    """
    wave = torch.from_numpy(sound)
    wave = 0.1 * wave / wave.square().mean().sqrt().clamp(min=QUIET)
    wave = F.pad(wave, (0, max(WINDOW - len(wave), 0)))
    parts = torch.stft(wave, BINS, HOP, WINDOW, torch.hann_window(WINDOW), pad_mode="constant", return_complex=True)
    return (filters(bands) @ parts.abs()).add(OFFSET).log()


@cache
def filters(bands: int) -> Tensor:
    """(bands, bins) triangles, evenly wide on the mel scale, 2595 log10(1 + f / 700) (O'Shaughnessy, 1987)."""
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (LOW, HIGH))
    edges = torch.from_numpy(700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1))
    tones = torch.arange(BINS // 2 + 1) * RATE / BINS
    rising = (tones - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - tones) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp(min=0).float()


def slots(picture: Tensor, count: int) -> Tensor:
    """(2 · bands, count): mean and deviation of each band in so many equal parts of the time of (bands, frames)."""
    mean = F.adaptive_avg_pool1d(picture, count)
    square = F.adaptive_avg_pool1d(picture.square(), count)
    return torch.cat([mean, (square - mean.square()).clamp(min=0).sqrt()])
