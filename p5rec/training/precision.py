"""Which precision matrix products are made in."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import torch

from p5rec.training.config import TrainConfig

# Torch keeps what oneDNN prepared for each shape of a bfloat16 product, 1,024 of them unless told otherwise. No two
# steps have the same number of asks, so nearly all of these are never used again, and they fill two gigabytes. Nor are
# the programmes that oneDNN itself makes for each shape: half a gigabyte in the first hundred steps, and no time won.
os.environ.setdefault("LRU_CACHE_CAPACITY", "16")
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")


def low(config: TrainConfig, device: torch.device) -> bool:
    """Whether to multiply in bfloat16."""
    if config.precision != "auto":
        return config.precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and _has_fast_bfloat16()


@cache
def _has_fast_bfloat16() -> bool:
    """Whether this processor has instructions for it; emulated, it is slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
