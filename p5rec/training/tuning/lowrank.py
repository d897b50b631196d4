"""Low-rank adapters on linear layers (LoRA; Hu et al. 2021), through the library peft."""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib.util import find_spec
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from p5rec.contracts import Model, Tuning
from p5rec.core.config import Config
from p5rec.core.errors import MissingExtra
from p5rec.training.patterns import matching, open_only

ADAPTER = "default"


class LowrankConfig(Config):
    """Settings of lowrank."""

    rank: int = Field(8, ge=1, description="rank of the change of a layer's weight")
    alpha: float = Field(16.0, gt=0, description="the change counts alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the inputs of the adapters")
    targets: tuple[str, ...] = Field(
        ("*",), description="patterns of the names of linear layers that get an adapter; one tied to a table never does"
    )
    open: tuple[str, ...] = Field(
        (), description="patterns of parameter names that are trained themselves (towers, heads, norms)"
    )


class Lowrank(Tuning):
    """Freezes the model and learns W + alpha / rank · B A for the weights W of chosen layers.

    B starts at zero, so that training begins at the model as it is. After training the change is merged into W: the
    finished model has the parameters of a plain one, and costs no more to serve.
    """

    Config = LowrankConfig

    def __init__(self, config: LowrankConfig) -> None:
        self.config = config

    def open(self, model: Model) -> None:
        """Put adapters on what matches.

        Raises:
            InputError: a pattern matches no linear layer, or no parameter.
            MissingExtra: peft is not installed.
        """
        if find_spec("peft") is None:
            raise MissingExtra("peft", "peft", "tuning = 'lowrank'")
        layers = _linear(model)
        chosen = matching(layers, self.config.targets, "tuning.targets", "linear layer")
        open_only(model, self.config.open)
        _replace(model, {layers[name]: self._adapted(layers[name]) for name in sorted(chosen)})

    def _adapted(self, layer: nn.Linear) -> nn.Module:
        from peft import LoraConfig

        size: dict[str, Any] = {"r": self.config.rank, "lora_alpha": self.config.alpha}
        made: nn.Module = _adapter()(layer, ADAPTER, LoraConfig(lora_dropout=self.config.dropout, **size), **size)
        return made

    def close(self, model: Model) -> None:
        """Merge all adapters into the weights they change, and take them away."""
        adapters = [module for module in model.modules() if isinstance(module, _adapter())]
        for adapter in adapters:
            adapter.merge()
        _replace(model, {adapter: adapter.base_layer for adapter in adapters})


@cache
def _adapter() -> type[Any]:
    """Peft's adapter of a linear layer, but its `weight` is the changed one, since models may read it directly."""
    from peft.tuners.lora import Linear

    class Adapter(Linear):  # type: ignore[misc]
        @property
        def weight(self) -> Tensor:
            """(out, in) as the layer multiplies."""
            own: Any = self.get_base_layer().weight
            return own if self.merged else own + self.get_delta_weight(ADAPTER)

    return Adapter


def _linear(model: nn.Module) -> dict[str, nn.Linear]:
    """Linear layers by name, without those whose weight is also that of another part (a change would reach both)."""
    users = Counter(id(part) for module in model.modules() for part in module.parameters(recurse=False))
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and users[id(module.weight)] == 1
    }


def _replace(model: nn.Module, other: dict[Any, nn.Module]) -> None:
    """Put other parts in the places of some, in each place where they stand."""
    for parent in list(model.modules()):
        for name, part in list(parent._modules.items()):
            if part in other:
                setattr(parent, name, other[part])
