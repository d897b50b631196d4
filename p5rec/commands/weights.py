"""A trained model on disk: safetensors and plain JSON, the marker written last; nothing is pickled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from p5rec.contracts import Bound, Model
from p5rec.core import artifact
from p5rec.core.errors import InputError

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Trained:
    """A model of a run, or the sentence that says why it stepped aside.

    Attributes:
        name: of the model in its page.
        model: the finished model; None where it stepped aside.
        facts: seconds, peak_mb, parameters, history of training, note.
    """

    name: str
    model: Model | None
    facts: Mapping[str, Any]


def save(folder: Path, trained: Trained) -> None:
    """Write a model's folder, whole or not at all."""
    with artifact.writing(folder, "model") as beside:
        if trained.model is not None:
            save_file(_once(trained.model.state_dict()), str(beside / WEIGHTS))
            for setting, text in kept(trained.model).items():
                artifact.write_file(beside / f"{setting}.json", text)
        artifact.mark(beside, "model", {"name": trained.name, **trained.facts})


def kept(model: Model) -> dict[str, str]:
    """Setting → JSON that takes the place of the file it names (``kept()``), for models that need one to be built."""
    tell: Callable[[], dict[str, str]] | None = getattr(model, "kept", None)
    return tell() if tell else {}


def load_into(folder: Path, model: Model) -> Model:
    """Fill a freshly built model with saved weights.

    Raises:
        InputError: the weights are missing or damaged, or do not fit the model.
    """
    try:
        found = load_file(str(folder / WEIGHTS))
    except (SafetensorError, OSError) as error:
        why = str(error).partition("\n")[0]
        raise InputError(
            f"{folder / WEIGHTS}: these weights are missing or damaged ({why}); remove {folder} and train it again"
        ) from None
    try:
        model.load_state_dict(_under_all_names(found, model))
    except RuntimeError as error:  # of torch, of many lines
        why = " ".join(str(error).split())
        raise InputError(f"{folder}: these weights do not fit the model of the page ({why}); train it again") from None
    model.eval()
    if isinstance(model, Bound):
        with torch.no_grad():
            model.refresh()
    return model


def _once(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor under its first name only: the format wants it, and tables of words are large."""
    first: dict[object, str] = {}
    for name, tensor in state.items():
        first.setdefault(_place(tensor, name), name)
    held: set[int] = set()
    out = {}
    for name in first.values():
        tensor = state[name].contiguous()
        out[name] = tensor.clone() if tensor.data_ptr() in held else tensor  # a part of another one
        held.add(tensor.data_ptr())
    return out


def _under_all_names(found: dict[str, Tensor], model: Model) -> dict[str, Tensor]:
    """What `_once` left out, as the model itself shares its tensors."""
    own = model.state_dict()
    kept = {_place(own[name], name): tensor for name, tensor in found.items() if name in own}
    return {**{name: kept[key] for name, one in own.items() if (key := _place(one, name)) in kept}, **found}


def _place(tensor: Tensor, name: str) -> object:
    """The same for names of one tensor, and different for all others."""
    return (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else name
