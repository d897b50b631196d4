"""Transformer blocks: what may be seen, where things stand, what padding costs."""

from typing import Any

import pytest
import torch

from p5rec.blocks.positions import DistanceBias, rotated
from p5rec.blocks.transformer import Shape, Transformer

POSITIONS = ["none", "rotary", "distance"]


def net(**settings: Any) -> Transformer:
    torch.manual_seed(0)
    made = Transformer(Shape(**{"width": 16, "blocks": 2, "dropout": 0.0, "farthest": 4, **settings})).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("gates", [False, True])
def test_a_causal_stack_sees_nothing_behind(positions: Any, gates: bool) -> None:
    model, x = net(positions=positions, gates=gates), torch.randn(3, 7, 16)
    other = x.clone()
    other[:, 4:] = torch.randn(3, 3, 16)
    assert torch.allclose(model(x)[:, :4], model(other)[:, :4], atol=1e-5)
    assert not torch.allclose(model(x)[:, 4:], model(other)[:, 4:], atol=1e-2)
    assert torch.allclose(model(x[:, :4]), model(x)[:, :4], atol=1e-5), "a prefix alone"


@pytest.mark.parametrize("positions", POSITIONS)
def test_a_stack_for_both_sides_sees_all_but_padding(positions: Any) -> None:
    model, x = net(causal=False, positions=positions), torch.randn(2, 6, 16)
    padding = torch.zeros(2, 6, dtype=torch.bool)
    padding[0, 4:] = True
    other = x.clone()
    other[0, 4:] = 9.0
    assert torch.allclose(model(x, padding)[0, :4], model(other, padding)[0, :4], atol=1e-5)
    assert torch.allclose(model(x[:1, :4], padding[:1, :4])[0], model(x, padding)[0, :4], atol=1e-5)
    other = x.clone()
    other[1, 5] = 9.0
    assert not torch.allclose(model(x, padding)[1, 0], model(other, padding)[1, 0], atol=1e-3)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("causal", [False, True])
def test_wanted_places_are_those_of_the_whole(positions: Any, causal: bool) -> None:
    model, x = net(causal=causal, positions=positions, gates=True), torch.randn(3, 7, 16)
    wanted = torch.tensor([[6, 0], [3, 3], [1, -2]])
    whole = model(x)
    for row, places in enumerate(wanted.clamp(min=0)):
        assert torch.allclose(model(x, wanted=wanted)[row], whole[row, places], atol=1e-5)
    padding = torch.tensor([[0] * 7, [0] * 7, [0, 0, 0, 0, 1, 1, 1]], dtype=torch.bool)
    whole = model(x, padding)
    for row in range(3):  # few places take a shorter way
        one = torch.tensor([[6], [3], [1]])
        assert torch.allclose(model(x, padding, wanted=one)[row, 0], whole[row, one[row, 0]], atol=1e-5)


def test_order_counts_only_where_positions_are_known() -> None:
    x = torch.randn(1, 5, 16)
    order = torch.tensor([2, 0, 3, 1, 4])
    for positions in POSITIONS:
        model = net(positions=positions)
        same = torch.allclose(model(x)[:, -1], model(x[:, order])[:, -1], atol=1e-4)
        # with one block the last place sums over all before it; with two, the inner order shows by causality alone
        one = net(blocks=1, positions=positions)
        assert torch.allclose(one(x)[:, -1], one(x[:, order])[:, -1], atol=1e-4) is (positions == "none")
        assert not same


def test_rotations_know_distances_only() -> None:
    q, k = torch.randn(1, 8), torch.randn(1, 8)
    turned_q, turned_k = rotated(q.expand(10, 8)), rotated(k.expand(10, 8))
    products = turned_q @ turned_k.T
    for distance in range(-4, 5):
        row = torch.diagonal(products, distance)
        assert torch.allclose(row, row[0].expand_as(row), atol=1e-5)
    assert torch.allclose(turned_q.norm(dim=1), q.norm().expand(10), atol=1e-5)


def test_far_distances_share_a_bias() -> None:
    bias = DistanceBias(2, 3, causal=True)
    torch.nn.init.normal_(bias.bias)
    grid = bias(6)
    assert grid.shape == (2, 6, 6)
    assert torch.isneginf(grid[:, 0, 1:]).all()
    assert torch.equal(grid[:, 5, 0], grid[:, 4, 1])
    assert not torch.equal(grid[:, 5, 3], grid[:, 5, 4])
