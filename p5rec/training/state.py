"""A state to resume from: one safetensors file, written beside and renamed, nothing pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from p5rec.core.artifact import write_file

FILE = "state.safetensors"


def write(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and JSON facts as one file, so that a kill leaves the old or the new state."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_file(folder / FILE, save(own, metadata={"facts": json.dumps(facts)}))


def read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `write` wrote; None where nothing usable is there."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["facts"])  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError, KeyError, TypeError):
        return None


def remove(folder: Path) -> None:
    """Remove the state of a finished run, and its folder where nothing else is in it."""
    (folder / FILE).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def of_optimiser(optimiser: torch.optim.Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """The state of each open parameter by its name."""
    found = {}
    for name, parameter in module.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            found[f"{name}//{key}"] = value
    return found


def into_optimiser(optimiser: torch.optim.Optimizer, module: nn.Module, found: Mapping[str, Tensor]) -> None:
    """Give each parameter the state it had."""
    parameters = dict(module.named_parameters())
    for path, value in found.items():
        name, key = path.rsplit("//", 1)
        kept = value if key == "step" else value.to(parameters[name].device)
        optimiser.state[parameters[name]][key] = kept.clone()


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under ``prefix/``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under ``prefix/``, by their own names."""
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
