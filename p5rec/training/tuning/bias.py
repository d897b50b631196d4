"""Only biases are open (BitFit; Ben Zaken, Goldberg & Ravfogel 2022)."""

from __future__ import annotations

from pydantic import Field

from p5rec.contracts import Model, Tuning
from p5rec.core.config import Config
from p5rec.training.patterns import open_only


class BiasConfig(Config):
    """Settings of bias."""

    open: tuple[str, ...] = Field(
        (), description="patterns of further parameter names that are open (towers, heads of the model)"
    )


class Bias(Tuning):
    """Trains the biases of layers and norms, some thousandth of a model; heads of tasks are never frozen."""

    Config = BiasConfig

    def __init__(self, config: BiasConfig) -> None:
        self.config = config

    def open(self, model: Model) -> None:
        """Open every parameter whose own name ends in ``bias``, and what matches.

        Raises:
            InputError: a pattern matches no parameter.
        """
        open_only(model, self.config.open)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.requires_grad_(True)
