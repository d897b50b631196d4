"""Only parameters with chosen names are open."""

from __future__ import annotations

from fnmatch import fnmatch

from pydantic import Field

from p5rec.contracts import Model, Tuning
from p5rec.core.config import Config
from p5rec.core.errors import InputError


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
        names = dict(model.named_parameters())
        idle = [pattern for pattern in self.config.open if not any(fnmatch(name, pattern) for name in names)]
        if idle:
            shown = ", ".join(sorted(names)[:20])
            raise InputError(
                [f"tuning.open: no parameter is called {pattern!r}; there are {shown}" for pattern in idle]
            )
        for name, parameter in names.items():
            parameter.requires_grad_(any(fnmatch(name, pattern) for pattern in self.config.open))
