"""AdamW over groups of parameters, and the learning rate of a step."""

from __future__ import annotations

import math

import torch
from torch import nn

from p5rec.core.errors import InputError
from p5rec.training.config import TrainConfig


def opened(module: nn.Module) -> list[nn.Parameter]:
    """The open parameters.

    Raises:
        InputError: there is none.
    """
    found = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not found:
        raise InputError(
            "train.tuning: no parameter of the model or its tasks is open, so there is nothing to train; "
            "name some in tuning.open, or take tuning = 'full'"
        )
    return found


def groups(module: nn.Module, config: TrainConfig) -> list[dict[str, object]]:
    """Open parameters by their decay: matrices, embedding tables, and the rest (vectors, norms), which has none.

    Matrices are the weights of layers that multiply; every other parameter of two dimensions is a table.
    """
    found: dict[str, list[nn.Parameter]] = {"matrix": [], "table": [], "rest": []}
    taken: set[int] = set()
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in taken:
                taken.add(id(parameter))
                found[_kind(part, name, parameter)].append(parameter)
    decays = {"matrix": config.decay, "table": config.table_decay, "rest": 0.0}
    return [{"params": found[kind], "weight_decay": decay} for kind, decay in decays.items() if found[kind]]


def _kind(part: nn.Module, name: str, parameter: nn.Parameter) -> str:
    if parameter.dim() < 2:
        return "rest"
    return "matrix" if name == "weight" and not isinstance(part, nn.Embedding) else "table"


def adamw(module: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """The optimiser; its steps are fused where the device can."""
    parts = groups(module, config)
    devices = {parameter.device.type for part in parts for parameter in part["params"]}  # type: ignore[attr-defined]
    fused = devices <= {"cpu", "cuda"}
    return torch.optim.AdamW(parts, lr=config.rate, betas=(config.momentum, config.memory), fused=fused)


def rate(config: TrainConfig, step: int, total: int) -> float:
    """Learning rate of step 0 … total - 1: a linear rise, then as scheduled."""
    rise = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    done = min(step / max(total, 1), 1.0)
    fall = {"constant": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}
    return config.rate * rise * fall[config.schedule]
