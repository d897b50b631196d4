"""Only parameters with chosen names are open."""

from __future__ import annotations

from pydantic import Field

from p5rec.contracts import Model, Tuning
from p5rec.core.config import Config
from p5rec.training.patterns import open_only


class FrozenConfig(Config):
    """Settings of frozen."""

    open: tuple[str, ...] = Field(
        (), description="patterns of parameter names that stay open; none: heads of tasks only"
    )


class Frozen(Tuning):
    """Freezes the model but for some parameters; heads of tasks are never frozen."""

    Config = FrozenConfig

    def __init__(self, config: FrozenConfig) -> None:
        self.config = config

    def open(self, model: Model) -> None:
        """Open what matches.

        Raises:
            InputError: a pattern matches no parameter.
        """
        open_only(model, self.config.open)
