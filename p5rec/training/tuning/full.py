"""All parameters are open."""

from __future__ import annotations

from p5rec.contracts import Model, Tuning
from p5rec.core.config import Config


class Full(Tuning):
    """Training from scratch, or fine-tuning of everything."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def open(self, model: Model) -> None:
        """Open all."""
        model.requires_grad_(True)
