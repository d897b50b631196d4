"""One seed a run; every random draw is keyed by what it is for, so adding a draw changes no other."""

from __future__ import annotations

import hashlib

import numpy as np


def number(seed: int, *purpose: str | int) -> int:
    """A 63-bit number that depends on the seed and on each part of the purpose (for torch generators)."""
    text = "\x1f".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def rng(seed: int, *purpose: str | int) -> np.random.Generator:
    """A numpy generator of its own for this seed and purpose, e.g. ``rng(0, "split", "users")``."""
    return np.random.default_rng(number(seed, *purpose))
