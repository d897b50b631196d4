"""Cheap dropout and unit vectors do what torch's own do."""

import pytest
import torch
import torch.nn.functional as F

from p5rec.blocks.dropout import Dropout
from p5rec.blocks.unit import unit


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_keeps_the_mean_and_drops_its_share(share: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.ones(301, 997, dtype=dtype, requires_grad=True)
    dropped = Dropout(share)(x)
    assert dropped.dtype == dtype
    zeros = (dropped == 0).float()
    assert float(zeros.mean()) == pytest.approx(share, abs=0.005)
    assert float(zeros[:, :8].mean(0).std()) < 0.1, "no place of a draw is favoured"
    assert float(dropped.detach().float().mean()) == pytest.approx(1.0, abs=0.01)
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach()), "gradients pass where numbers do"


def test_dropout_follows_the_seed_and_is_off_in_evaluation() -> None:
    part, x = Dropout(0.5), torch.randn(7, 5)
    torch.manual_seed(3)
    first = part(x)
    torch.manual_seed(3)
    assert torch.equal(part(x), first)
    assert not torch.equal(part(x), first)
    assert part.eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_unit_vectors_and_their_gradient_are_those_of_normalize() -> None:
    x = torch.randn(4, 6, 8, dtype=torch.float64, requires_grad=True)
    assert torch.allclose(unit(x).detach(), F.normalize(x, dim=-1).detach(), atol=1e-6)
    given = torch.randn(4, 6, 8, dtype=torch.float64)
    found = torch.autograd.grad(unit(x), x, given)[0]
    assert torch.allclose(found, torch.autograd.grad(F.normalize(x, dim=-1), x, given)[0], atol=1e-5)
    assert torch.equal(unit(torch.zeros(2, 3)), torch.zeros(2, 3))
