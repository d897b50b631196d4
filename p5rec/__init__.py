"""p5rec: from a raw interaction log to a live recommender; the same verbs as the command line.

import p5rec
dataset = p5rec.prepare("events.csv", out="data")          # or a pandas or polars frame
recommender = p5rec.run("sequences", out="runs/mine", settings=["data.path=sequences.txt"])
recommender.recommend(users=["42"], k=10)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from p5rec.commands.verbs import evaluate, load, prepare, run, train, tune

__all__ = ["evaluate", "load", "prepare", "run", "train", "tune"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Verbs are imported when first used, so that a serving process never loads a training library."""
    if name in __all__:
        return getattr(import_module("p5rec.commands.verbs"), name)
    raise AttributeError(f"module 'p5rec' has no attribute {name!r}")
