"""Looking items up in an index gives what scoring all of them gives."""

from typing import Any

import numpy as np
import pytest

from p5rec.contracts import Index
from p5rec.data.answers import NOTHING
from p5rec.data.queries import Queries
from p5rec.data.ragged import Ragged
from p5rec.models.mf import MF
from p5rec.models.sasrec import Sasrec
from p5rec.responders.nearest import Nearest
from p5rec.responders.scorer import Scorer
from p5rec.testing.making import FOLDERS, fitted, setting
from p5rec.testing.sample import sample

DATASET = sample()
MODELS = {plug: fitted(plug, DATASET, setting(DATASET)) for plug in (MF, Sasrec)}


def pair(plug: Any, index: str) -> tuple[Nearest, Scorer]:
    exact = Scorer(Scorer.Config(), {"model": MODELS[plug]}, DATASET)
    near = Nearest(Nearest.Config(tokens=40), {"one": exact}, DATASET)
    chosen = FOLDERS["index"].load(index)
    near.index = chosen(chosen.Config())
    return near, exact


@pytest.mark.parametrize("plug", MODELS)
@pytest.mark.parametrize("index", ["exact", "faiss"])
@pytest.mark.parametrize("k", [1, 5, 500])
def test_it_answers_as_the_scorer_does(plug: Any, index: str, k: int) -> None:
    near, exact = pair(plug, index)
    queries, _ = DATASET.held_out("test")
    rng = np.random.default_rng(0)
    out = Ragged.of([rng.integers(-1, DATASET.n_items, rng.integers(0, 30)) for _ in range(len(queries))])
    for asked in (queries, queries.excluding(queries.history), queries.excluding(out)):
        found, right = near(asked, k), exact(asked, k)
        np.testing.assert_allclose(found.scores, right.scores, rtol=1e-4, atol=1e-5)
        assert set(found.short) == set(right.short)
        clear = right.scores > right.scores[:, -1:] + 1e-4  # ties for the last place may fall either way
        for row in range(len(asked)):
            assert set(right.items[row][clear[row]]) <= set(found.items[row])


def test_an_item_that_is_excluded_does_not_take_a_place() -> None:
    near, _ = pair(MF, "exact")
    asked = Queries.of([[1], [2]])
    first = near(asked, 3).items
    again = near(asked.excluding(Ragged.of([first[0, :1], first[1, :0]])), 2).items
    assert again[0].tolist() == first[0, 1:].tolist()
    assert again[1].tolist() == first[1, :2].tolist()


def test_where_all_is_excluded_the_reason_is_told() -> None:
    near, _ = pair(MF, "exact")
    answer = near(Queries.of([[1]]).excluding(Ragged.of([np.arange(DATASET.n_items)])), 2)
    assert answer.items.tolist() == [[NOTHING, NOTHING]]
    assert answer.short[0]


def test_the_index_is_filled_once_and_again_after_a_change() -> None:
    near, _ = pair(MF, "exact")
    built: list[int] = []

    class Counting(Index):
        def build(self, vectors: np.ndarray) -> None:
            built.append(len(vectors))

        def add(self, vectors: np.ndarray) -> None:
            raise AssertionError

        def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros((len(queries), k), np.int64), np.zeros((len(queries), k), np.float32)

    near.index = Counting()
    for _ in range(2):
        near(Queries.of([[1]]), 1)
    near.refresh()
    near(Queries.of([[1]]), 1)
    assert built == [DATASET.n_items, DATASET.n_items]
