"""The index of faiss: exact where it is small, as good as it says where it is large."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from p5rec.core.errors import MissingExtra
from p5rec.serving.indexes.faiss import Faiss


def grouped(rows: int, seed: int = 0) -> np.ndarray:
    """Vectors (N, 16) of length 1 around 40 centres, as those of a catalogue are."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(40, 16))
    found = centres[rng.integers(40, size=rows)] + 0.5 * rng.normal(size=(rows, 16))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def shared(index: Faiss, vectors: np.ndarray, queries: np.ndarray, k: int = 10) -> float:
    best = np.argsort(-(queries @ vectors.T), axis=1)[:, :k]
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(index.search(queries, k)[0], best, strict=True)]))


def test_lists_find_the_share_that_is_asked_for() -> None:
    vectors, queries = grouped(3000), grouped(100, seed=1)
    index = Faiss(Faiss.Config(exact_below=1000, recall=0.9))
    index.build(vectors)
    assert index.measured >= 0.9
    assert shared(index, vectors, queries) >= 0.9


def test_few_vectors_are_searched_exactly() -> None:
    vectors = grouped(300)
    index = Faiss(Faiss.Config())
    index.build(vectors)
    assert index.measured == 1.0
    assert shared(index, vectors, grouped(20, seed=1)) == 1.0


def test_where_no_list_helps_the_search_is_exact() -> None:
    vectors = np.random.default_rng(0).normal(size=(1500, 64)).astype(np.float32)
    index = Faiss(Faiss.Config(exact_below=1000, recall=1.0))
    index.build(vectors)
    assert index.measured == 1.0
    assert shared(index, vectors, vectors[:50]) == 1.0


def test_rows_that_join_are_found_under_the_next_numbers() -> None:
    index = Faiss(Faiss.Config(exact_below=1000))
    index.build(grouped(1500))
    new = grouped(1, seed=3) * 2
    index.add(new)
    items, scores = index.search(new, 1)
    assert items.tolist() == [[1500]]
    assert scores[0, 0] == pytest.approx(4, rel=1e-3)


def test_lists_that_hold_too_few_are_not_the_end() -> None:
    vectors = grouped(1500)
    index = Faiss(Faiss.Config(exact_below=1000, recall=0.3, lists=300))
    index.build(vectors)
    items, scores = index.search(vectors[:3], 900)
    assert items.shape == (3, 900)
    assert (items >= 0).all()
    assert np.isfinite(scores).all()


def test_wrong_shapes_are_sentences_and_no_vectors_are_no_answers() -> None:
    index = Faiss(Faiss.Config())
    assert index.search(np.zeros((2, 3), np.float32), 5)[0].shape == (2, 0)
    with pytest.raises(ValueError, match=r"found an array of shape \(3,\), expected \(N, D\)"):
        index.build(np.zeros(3))
    index.add(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="found vectors of width 4, the index has 3"):
        index.add(np.zeros((2, 4)))


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtra, match=r"the index faiss needs the package 'faiss-cpu'.*pip install 'p5rec\[index"):
        Faiss(Faiss.Config())
