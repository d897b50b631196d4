"""Masked items on a causal model: blanks in place, each asked for behind its whole context."""

from dataclasses import replace

import pytest
import torch

from p5rec.blocks.stream import Kind, Stream
from p5rec.contracts import Dataset, Factored
from p5rec.models.p5 import P5
from p5rec.models.sasrec import Sasrec
from p5rec.tasks.masked_item import MaskedItem, MaskedItemConfig
from p5rec.testing.making import fitted, setting
from p5rec.testing.sample import sample


def made(plug: type[Factored], kinds: int = 1, share: float = 0.4) -> tuple[Dataset, Factored, MaskedItem]:
    dataset = sample(kinds=kinds)
    made_for = setting(dataset)
    model: Factored = fitted(plug, dataset, made_for)
    return dataset, model, MaskedItem(MaskedItemConfig(positions=64, share=share), made_for)


def context(stream: Stream, row: int) -> int:
    """Where the context of a row ends: a BLANK and an answer stand behind it for each ask."""
    return int(stream.lengths[row]) - 2 * int((stream.asks[row] >= 0).sum())


@pytest.mark.parametrize("kinds", [1, 2])
def test_blanks_are_asked_for_in_their_order_behind_the_context(kinds: int) -> None:
    dataset, model, task = made(P5, kinds)
    several = 0
    for step in range(task.steps(dataset)):
        stream, (items, _) = task.batch(dataset, model, 0, step)
        whole = task._plan.queries(dataset, task._room(model), 0, step).history
        assert torch.equal(stream.values.gather(1, stream.asks.clamp(min=0))[stream.asks >= 0], items)
        for row, history in enumerate(whole):
            end, asks = context(stream, row), stream.asks[row][stream.asks[row] >= 0]
            blanks = torch.nonzero(stream.kinds[row, :end] == Kind.BLANK).flatten()
            assert end == 1 + len(history)
            assert history[blanks.numpy() - 1].tolist() == stream.values[row, asks].tolist()
            assert (stream.kinds[row, asks - 1] == Kind.BLANK).all()
            several += len(blanks) > 1
    assert several


def test_what_is_known_after_a_blanked_event_is_hidden_with_it() -> None:
    dataset, model, task = made(P5)
    stream, _ = task.batch(dataset, model, 0, 0)
    assert (stream.outcome["label"][stream.kinds == Kind.BLANK] == 0).all()
    assert (stream.outcome["label"][stream.kinds == Kind.ITEM] > 0).all()


@pytest.mark.parametrize("plug", [P5, Sasrec])
def test_a_right_neighbour_changes_the_state(plug: type[Factored]) -> None:
    dataset, model, task = made(plug, share=0.2)
    seen = 0
    for step in range(task.steps(dataset)):
        stream, _ = task.batch(dataset, model, 0, step)
        for row in range(len(stream)):
            end = context(stream, row)
            if (stream.asks[row] >= 0).any() and stream.kinds[row, end - 1] == Kind.ITEM:
                values = stream.values.clone()
                values[row, end - 1] = (values[row, end - 1] + 1) % dataset.n_items
                plain, other = (model.vectors(model.encode(s)) for s in (stream, replace(stream, values=values)))
                assert not torch.allclose(plain[row, 0], other[row, 0], atol=1e-4)
                seen += 1
    assert seen > 5


def test_an_answer_does_not_change_its_own_state() -> None:
    dataset, model, task = made(P5)
    stream, _ = task.batch(dataset, model, 0, 0)
    values, first = stream.values.clone(), stream.asks[:, :1].clamp(min=1)
    values.scatter_(1, first, (values.gather(1, first) + 1) % dataset.n_items)
    plain, other = (model.vectors(model.encode(s)) for s in (stream, replace(stream, values=values)))
    asked = stream.asks[:, 0] >= 0
    assert torch.allclose(plain[asked, 0], other[asked, 0], atol=1e-5)
