"""The k best of each row, against a sort of plain tuples."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from p5rec.data.answers import NOTHING, ItemLists, Numbers, Texts, top

SCORES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 12)),
    elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 0.5, 2.0, 3.0]),
)


def naive(items: np.ndarray, scores: np.ndarray, k: int) -> tuple[list, list]:
    best = sorted(range(len(scores)), key=lambda column: (-scores[column], column))[:k]
    return (
        [NOTHING if np.isneginf(scores[column]) else int(items[column]) for column in best],
        [float(scores[column]) for column in best],
    )


@given(SCORES, st.integers(1, 15))
def test_top_is_the_sorted_beginning(scores: np.ndarray, k: int) -> None:
    items = np.random.default_rng(0).permutation(100)[: scores.shape[1]]
    found = top(items, scores, k)
    assert found.items.shape == found.scores.shape == (len(scores), min(k, scores.shape[1]))
    for row, (got, values) in enumerate(zip(found.items, found.scores, strict=True)):
        expected_items, expected_scores = naive(items, scores[row], k)
        assert values.tolist() == expected_scores
        assert got.tolist() == expected_items, "ties go by column"


@given(SCORES)
def test_every_row_may_have_columns_of_its_own(scores: np.ndarray) -> None:
    items = np.random.default_rng(1).integers(0, 1000, scores.shape)
    found = top(items, scores, 3)
    for row in range(len(scores)):
        assert found.items[row].tolist() == naive(items[row], scores[row], 3)[0]


@given(SCORES, st.integers(1, 6))
def test_a_row_is_answered_alike_alone(scores: np.ndarray, k: int) -> None:
    items = np.arange(scores.shape[1])
    together = top(items, scores, k)
    for row in range(len(scores)):
        alone = top(items, scores[row : row + 1], k)
        assert np.array_equal(alone.items[0], together.items[row])


def test_answers_count_their_queries() -> None:
    assert len(ItemLists(np.zeros((3, 2), int), np.zeros((3, 2)))) == 3
    assert len(Numbers(np.zeros((4, 1)))) == 4
    assert len(Texts(("a", "b"))) == 2
