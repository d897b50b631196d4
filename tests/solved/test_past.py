"""What an ask may look at, and the sparse sums over it."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from p5rec.blocks.neighbours import Neighbours, chosen, nearest
from p5rec.blocks.past import decayed, past
from p5rec.contracts import Queries, collate

HISTORIES = st.lists(st.lists(st.integers(-1, 8), max_size=6), min_size=1, max_size=4)


@given(HISTORIES)
@settings(max_examples=50, deadline=None)
def test_an_ask_sees_the_items_before_it(histories):
    stream = collate(Queries.of(histories), asks="every")
    if not stream.asks.shape[1]:
        return
    items, ages = past(stream)
    for row, history in enumerate(histories):
        for ask in range(len(history)):
            seen = {int(a): int(i) for i, a in zip(items[row, ask], ages[row, ask], strict=True) if a >= 0}
            assert seen == {ask - 1 - place: history[place] for place in range(ask)}
    weights = decayed(items, ages, 1.0)
    assert torch.equal(weights > 0, items >= 0)


def test_a_blank_and_what_follows_are_not_seen():
    stream = collate(Queries.of([[4, 5, 6]]))
    early = replace(stream, asks=torch.tensor([[2]]))
    items, ages = past(early)
    assert items[0, 0].tolist() == [-1, 4, -1, -1, -1]
    assert ages[0, 0, 1] == 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_the_sums_are_those_of_a_matrix_product(seed, size, density):
    rng = np.random.default_rng(seed)
    matrix = sparse.random_array((size, size), density=density, rng=rng, dtype=np.float32).tocsr()
    held = Neighbours(size)
    held.hold(matrix.copy())
    items = rng.integers(-1, size, (3, 2, 5))
    weights = np.where(items >= 0, rng.random(items.shape), 0).astype(np.float32)
    dense = np.zeros((3, 2, size), dtype=np.float32)
    for place in np.ndindex(items.shape):
        if items[place] >= 0:
            dense[place[:2]] += weights[place] * matrix.toarray()[items[place]]
    found = held.score(torch.from_numpy(items), torch.from_numpy(weights))
    np.testing.assert_allclose(found.numpy(), dense, atol=1e-5)
    many = held.score(torch.from_numpy(items).repeat(9 * size, 1, 1), torch.from_numpy(weights).repeat(9 * size, 1, 1))
    np.testing.assert_allclose(many[:3].numpy(), dense, atol=1e-5)  # enough rows for the full matrix
    few = torch.from_numpy(rng.integers(0, size, (3, 4)))
    assert torch.equal(chosen(found, few)[:, 1], found[:, 1].gather(1, few))


def test_large_sums_are_made_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    held = Neighbours(20)
    held.hold(sparse.random_array((20, 20), density=0.5, rng=rng, dtype=np.float32).tocsr())
    items, weights = torch.from_numpy(rng.integers(0, 20, (6, 9))), torch.rand(6, 9)
    whole = held.score(items, weights)
    monkeypatch.setattr("p5rec.blocks.neighbours.CHUNK", 13)
    torch.testing.assert_close(held.score(items, weights), whole)


def test_the_first_of_equal_entries_is_kept():
    matrix = sparse.csr_array(np.array([[1.0, -3.0, 1.0, 1.0], [0, 0, 0, 2.0], [0] * 4, [5, 6, 7, 8]]))
    kept = nearest(matrix, 2).toarray()
    assert kept.tolist() == [[1, -3, 0, 0], [0, 0, 0, 2], [0] * 4, [0, 0, 7, 8]]
