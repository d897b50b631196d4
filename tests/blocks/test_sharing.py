"""Copies that share their memory."""

import torch
from torch import nn

from p5rec.blocks.sharing import sharing


def test_a_copy_costs_no_weights_and_is_apart_once_a_tensor_is_replaced() -> None:
    first = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 2))
    first[1].weight = nn.Parameter(first[1].weight.detach(), requires_grad=False)
    first.register_buffer("counts", torch.arange(3.0))
    copy = sharing(first)
    for old, new in zip(first.state_dict().values(), copy.state_dict().values(), strict=True):
        assert old.data_ptr() == new.data_ptr()
    assert [p.requires_grad for p in copy.parameters()] == [p.requires_grad for p in first.parameters()]
    copy[0].weight = nn.Parameter(torch.cat([copy[0].weight.detach(), torch.zeros(1, 2)]))
    assert (len(first[0].weight), len(copy[0].weight)) == (3, 4)


def test_tied_weights_stay_tied() -> None:
    first = nn.ModuleList([nn.Embedding(3, 2), nn.Linear(2, 3, bias=False)])
    first[1].weight = first[0].weight
    copy = sharing(first)
    assert copy[1].weight is copy[0].weight
    assert copy[0].weight is not first[0].weight
