"""Where the first part decides, the others are made for the rows that need them, and nothing else changes."""

import numpy as np
import pytest
import torch

from p5rec.data.features import Column, Features, Kind
from p5rec.testing.making import drawn, towers
from p5rec.towers.fusion.first import First
from p5rec.towers.modalities.category import Category


def features() -> Features:
    """Twelve items of three kinds; the last two occur in no training row, and of the last nothing is known."""
    levels = np.array([0, 1, 2] * 3 + [0, 1, -1], dtype=np.int32)
    columns = {"kind": Column(Kind.CATEGORY, levels, ("a", "b", "c"))}
    return Features(12, columns, seen=np.array([True] * 10 + [False] * 2))


def vectors(training: bool) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """(V, D), and the gradient of every parameter."""
    with drawn(0):
        tower = towers(features(), ("id", "category"), "first")(8).train(training)
        found = tower.all()
        (found * torch.randn_like(found)).sum().backward()
    grads = {name: torch.zeros(()) if p.grad is None else p.grad for name, p in tower.named_parameters()}
    return found.detach(), grads


@pytest.mark.parametrize("training", [False, True])
def test_vectors_and_gradients_stay(training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    few, slopes = vectors(training)
    monkeypatch.setattr(First, "first_decides", False)
    every, whole = vectors(training)
    assert torch.allclose(few, every, atol=1e-7)
    assert slopes.keys() == whole.keys()
    for name, slope in slopes.items():
        assert torch.allclose(slope, whole[name], atol=1e-6), name


def test_only_what_is_needed_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    encode = Category.encode

    def counting(self: Category, values: torch.Tensor) -> torch.Tensor:
        made.append(len(values))
        return encode(self, values)

    monkeypatch.setattr(Category, "encode", counting)
    towers(features(), ("id", "category"), "first")(8).eval().all()
    assert made == [1]
