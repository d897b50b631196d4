"""The loop itself, which is lightning's: devices, nodes and the order of hooks are its business."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from p5rec.core.progress import track
from p5rec.training.run import Batch, Run


def drive(run: Run) -> None:
    """Take steps until the run has ended."""
    if run.ended():
        return
    with _quiet():
        trainer = Trainer(
            max_steps=run.total - run.history.steps,
            max_epochs=-1,
            accelerator="auto",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(_Lessons(run), DataLoader(_Steps(run), batch_size=None))


class _Steps(IterableDataset[Any]):
    """The batches of all steps that are left."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __iter__(self) -> Iterator[Batch]:
        left = range(self.run.history.steps, self.run.total)
        yield from (self.run.batch(step) for step in track(left, "training", len(left)))


class _Lessons(LightningModule):
    """Hands each batch to the run, which owns the optimiser."""

    automatic_optimization = False  # type: ignore[assignment]

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run, self.all = run, run.all

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The run's own, so that lightning counts its steps."""
        return self.run.optimiser

    def training_step(self, batch: Batch, number: int) -> None:
        """One step, and the end where it is due."""
        self.run.step(batch)
        if self.run.ended():
            self.trainer.should_stop = True

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Streams and targets are frozen, which lightning's own mover does not expect."""
        moved: Batch = batch if device.type == "cpu" else _moved(batch, device)
        return moved


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _moved(getattr(value, f.name), device) for f in fields(value)})
    if isinstance(value, dict):
        return {name: _moved(inner, device) for name, inner in value.items()}
    return type(value)(_moved(inner, device) for inner in value) if isinstance(value, list | tuple) else value


@contextmanager
def _quiet() -> Iterator[None]:
    """A block without lightning's tips and warnings about settings that are meant as they are."""
    noisy = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in noisy]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in noisy:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(noisy, levels, strict=True):
                logger.setLevel(level)
