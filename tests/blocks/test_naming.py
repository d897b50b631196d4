"""Words that name items, and vectors that are pulled towards 0."""

import torch
from torch import nn

from p5rec.blocks.naming import Naming, places
from p5rec.blocks.shrink import shrunk
from p5rec.blocks.stream import Kind, Stream


def stream(kinds: list[list[Kind]]) -> Stream:
    grid = torch.tensor([[int(kind) for kind in row] for row in kinds])
    return Stream(grid, grid * 0, grid * 0.0, torch.zeros(len(grid)).long(), torch.ones(len(grid), 1).long())


def test_places_are_those_of_the_words_in_order() -> None:
    start, word, item, pad = Kind.START, Kind.WORD, Kind.ITEM, Kind.PAD
    rows = [[start, word, item, word, word], [start, item, word, pad, pad], [start, item, pad, pad, pad]]
    found = places(stream(rows))
    assert found.tolist() == [[1, 3, 4], [2, -1, -1], [-1, -1, -1]]
    assert places(stream([[start, item]])).shape == (1, 0)


def test_an_item_is_told_in_the_sum_of_its_words_and_matches_those_of_a_prompt() -> None:
    torch.manual_seed(0)
    lexicon, naming = nn.Embedding(50, 32), Naming(32, 32)
    told = naming.told(torch.tensor([[3, 4], [5, -1], [-1, -1]]), lexicon.weight)
    alone = naming.told(torch.tensor([[3], [4]]), lexicon.weight)
    assert torch.allclose(told[0], alone.sum(0), atol=1e-6)
    assert told[2].abs().sum() == 0
    assert naming.told(torch.zeros(2, 0).long(), lexicon.weight).tolist() == [[0.0] * 32] * 2
    hidden, vectors = torch.randn(1, 1, 32), lexicon(torch.tensor([[4, 5]]))
    kept = torch.ones(1, 2, dtype=torch.bool)
    for place, item in ((0, 0), (1, 1)):  # one word counts, then the other
        before = torch.zeros(1, 1, 2, dtype=torch.bool)
        before[..., place] = True
        asked = naming.named(hidden, hidden.expand(1, 2, 32), vectors, kept, before)
        assert int((asked @ told.T).abs().argmax()) == item
    none = naming.named(hidden, hidden.expand(1, 2, 32), vectors, kept, torch.zeros(1, 1, 2, dtype=torch.bool))
    assert none.abs().sum() == 0


def test_shrinking_is_the_gradient_of_a_ridge() -> None:
    torch.manual_seed(0)
    one = torch.randn(4, 3, 5, requires_grad=True)
    other = one.detach().clone().requires_grad_()
    weights = torch.randn(4, 3, 5)
    assert torch.equal(shrunk(one, 0.7), one)
    (shrunk(one, 0.7) * weights).sum().backward()
    ((other * weights).sum() + 0.7 / 2 * other.square().sum(-1).mean()).backward()
    assert one.grad is not None
    assert other.grad is not None
    assert torch.allclose(one.grad, other.grad, atol=1e-6)
    assert shrunk(one, 0.0) is one
