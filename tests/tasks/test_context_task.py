"""Context: the neighbours of an item, and the other segment of its user."""

import pytest
import torch

from p5rec.blocks.stream import Kind
from p5rec.contracts import StepsAside
from p5rec.models.p5 import P5
from p5rec.tasks.context import Context, ContextConfig
from p5rec.testing.making import fitted, setting
from p5rec.testing.sample import sample
from p5rec.testing.sequences import from_sequences


def test_neighbours_stand_within_the_window_on_both_sides() -> None:
    dataset = from_sequences({"u": ["a", "b", "c", "d"], "v": ["e"]}, held_out=0)
    made_for = setting(dataset)
    task = Context(ContextConfig(window=2, users=0), made_for)
    stream, near = task.batch(dataset, fitted(P5, dataset, made_for), 0, 0)
    found = {}
    for row in range(len(stream)):
        assert stream.kinds[row].tolist() == [Kind.START, Kind.ITEM, Kind.BLANK]
        there = near.items[row][near.weights[row] > 0].tolist()
        found[dataset.items.key(int(stream.values[row, 1]))] = "".join(sorted(dataset.items.keys(there)))
    assert found == {"a": "bc", "b": "acd", "c": "abd", "d": "bc"}


def test_segments_are_disjoint_and_of_the_same_unnamed_user() -> None:
    dataset = from_sequences({f"u{u}": [f"{u}-{n}" for n in range(12)] for u in range(6)}, held_out=0)
    made_for = setting(dataset)
    task = Context(ContextConfig(rows=7, users=4, longest=5), made_for)
    stream, near = task.batch(dataset, fitted(P5, dataset, made_for), 0, 0)
    assert (stream.users == -1).all()
    rows = stream.rows(slice(len(near.items), None))
    told = [
        dataset.items.keys(values[kinds == Kind.ITEM].tolist())
        for values, kinds in zip(rows.values, rows.kinds, strict=True)
    ]
    assert len(told) == 8
    for first, second in zip(told[:4], told[4:], strict=True):
        assert not set(first) & set(second)
        assert len({key.split("-")[0] for key in (*first, *second)}) == 1
        assert max(len(first), len(second)) <= 5
    assert len({row[0].split("-")[0] for row in told}) == 4


def test_the_head_is_as_wide_as_the_model_and_learns() -> None:
    dataset = sample()
    made_for = setting(dataset)
    model, task = fitted(P5, dataset, made_for), Context(ContextConfig(rows=16, users=8), made_for)
    task.begin(model)
    task.loss(model, *task.batch(dataset, model, 0, 0)).backward()
    (weight, _) = task.head.parameters()
    width = model.catalogue(torch.zeros(1).long()).shape[1]
    assert weight.shape == (width, width)
    assert weight.grad is not None
    assert torch.isfinite(weight.grad).all()


def test_without_neighbours_it_steps_aside() -> None:
    dataset = from_sequences({"u": ["a"], "v": ["b"]}, held_out=0)
    with pytest.raises(StepsAside, match="asks for neighbours, and no training history has two events"):
        Context(ContextConfig(), setting(dataset)).steps(dataset)
