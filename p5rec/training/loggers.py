"""Where curves go while a run is under way: TensorBoard, Weights & Biases."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from p5rec.core.errors import InputError, MissingExtra, nearest


def build(names: Sequence[str], folder: Path) -> list[Any]:
    """The loggers of these names, all writing below `folder`.

    Raises:
        InputError: there is no such logger.
        MissingExtra: its package is not installed.
    """
    wrong = [name for name in names if name not in LOGGERS]
    if wrong:
        raise InputError([f"loggers: there is no logger called {name!r}; {nearest(name, LOGGERS)}" for name in wrong])
    for name in names:
        if find_spec(name) is None:
            raise MissingExtra(name, name, f"logging to {name}")
    return [LOGGERS[name](folder) for name in names]


def _tensorboard(folder: Path) -> Any:
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(save_dir=folder, name="", version="")


def _wandb(folder: Path) -> Any:
    """Online where a key is known, else offline, to be synced later."""
    from lightning.pytorch.loggers import WandbLogger

    folder.mkdir(parents=True, exist_ok=True)
    offline = os.environ.get("WANDB_MODE", "") == "offline" or not os.environ.get("WANDB_API_KEY")
    return WandbLogger(save_dir=folder, project="p5rec", name=folder.name, offline=offline)


LOGGERS: dict[str, Callable[[Path], Any]] = {"tensorboard": _tensorboard, "wandb": _wandb}
