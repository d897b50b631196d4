"""Texts without any model: signed hashes of their words and of the letters in them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

WIDTH = 512  # of the vectors
LETTERS = 3  # in a row make a piece


def hashed(texts: Sequence[str]) -> np.ndarray:
    """(N, 512) float32 of length 1; texts that share words and pieces of them are near (Weinberger et al., 2009)."""
    vectors = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for row, text in enumerate(texts):
        for piece in _pieces(text):
            code = zlib.crc32(piece.encode("utf-8", "replace"))
            vectors[row, (code >> 1) % WIDTH] += 1.0 if code & 1 else -1.0
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def _pieces(text: str) -> Iterator[str]:
    """Each word, and each three letters in a row of it, its ends marked."""
    for word in re.findall(r"\w+", text.lower()):
        yield word
        marked = f"<{word}>"
        yield from (marked[start : start + LETTERS] for start in range(len(marked) - LETTERS + 1))
