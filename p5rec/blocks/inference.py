"""Running a finished module on many rows: at rest, on its device, rows of like length together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def at_rest(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, without gradients; the module is left as it was found."""
    training = module.training
    module.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        module.train(training)


def device_of(module: nn.Module) -> torch.device:
    """Where the numbers of a module are."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")


def alike(lengths: np.ndarray, room: Callable[[int], int]) -> Iterator[np.ndarray]:
    """Row numbers in batches, longest rows first, so that padding is not paid for and memory peaks at once.

    Args:
        lengths: (Q,) of each row.
        room: longest length → rows that a batch may have.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(room(int(lengths[order[start]])), 1)
        yield order[start:stop]
        start = stop
