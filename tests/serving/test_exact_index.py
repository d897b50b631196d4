from __future__ import annotations

import numpy as np
import pytest

from p5rec.serving.indexes.exact import Exact


@pytest.mark.parametrize("block", [1, 7, 1000])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_search_is_a_full_sort(block: int, k: int) -> None:
    rng = np.random.default_rng(0)
    vectors, queries = rng.normal(size=(50, 8)).astype(np.float32), rng.normal(size=(6, 8)).astype(np.float32)
    index = Exact(Exact.Config(block=block))
    index.build(vectors[:20])
    index.add(vectors[20:])
    items, scores = index.search(queries, k)
    full = queries @ vectors.T
    best = np.argsort(-full, axis=1)[:, :k]
    assert items.tolist() == best.tolist()
    assert np.allclose(scores, np.take_along_axis(full, best, 1), atol=1e-5)


def test_an_empty_index_finds_nothing() -> None:
    items, scores = Exact(Exact.Config()).search(np.zeros((2, 3), np.float32), 5)
    assert items.shape == scores.shape == (2, 0)


def test_wrong_shapes_are_sentences() -> None:
    index = Exact(Exact.Config())
    with pytest.raises(ValueError, match=r"found an array of shape \(3,\), expected \(N, D\)"):
        index.build(np.zeros(3))
    index.build(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="found vectors of width 4, the index has 3"):
        index.add(np.zeros((2, 4)))


def test_the_index_keeps_its_own_copy() -> None:
    vectors = np.eye(3, dtype=np.float32)
    index = Exact(Exact.Config())
    index.build(vectors)
    vectors[:] = 0
    assert index.search(np.eye(3, dtype=np.float32), 1)[0].ravel().tolist() == [0, 1, 2]
