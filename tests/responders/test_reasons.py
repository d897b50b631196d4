"""Why an item was recommended."""

import numpy as np
import pytest
from responder_toys import Given

from p5rec.contracts import Estimates, ItemLists, Numbers, Queries
from p5rec.core.errors import InputError
from p5rec.data.answers import NOTHING
from p5rec.data.ragged import Ragged
from p5rec.data.reasons import because, standard
from p5rec.models.itemknn import ItemKNN
from p5rec.models.popular import Popular
from p5rec.responders.estimator import Estimator
from p5rec.responders.scorer import Scorer
from p5rec.responders.unseen import Unseen
from p5rec.testing.making import fitted, setting
from p5rec.testing.sample import sample
from p5rec.testing.sequences import from_sequences

SIZE = 12


def pairs():
    """Item n speaks for n + 1 only, except item 0, which is loud about everything alike."""
    scores = np.zeros((SIZE, SIZE))
    scores[np.arange(SIZE - 1), np.arange(1, SIZE)] = 1.0
    scores[0] = 50.0
    return Given(scores)


def test_the_item_that_speaks_for_it_is_the_reason():
    queries = Queries.of([[0, 4, 7], [2], []])
    lists = ItemLists(np.array([[5, 8, 9], [3, 6, NOTHING], [1, 2, 3]]), np.zeros((3, 3), np.float32))
    found = because(pairs(), queries, lists)
    assert found[0, :2].tolist() == [4, 7]
    assert found[1].tolist() == [2, NOTHING, NOTHING]
    assert found[2].tolist() == [NOTHING] * 3
    assert pairs().because(queries, lists).tolist() == found.tolist()


def test_only_the_last_items_and_never_the_item_itself():
    lists = ItemLists(np.array([[5, 4]]), np.zeros((1, 2), np.float32))
    assert because(pairs(), Queries.of([[4, 3, 7, 8]]), lists).tolist() == [[4, 3]]
    assert because(pairs(), Queries.of([[4, 3, 7, 8]]), lists, limit=2).tolist() == [[NOTHING, NOTHING]]
    assert because(pairs(), Queries.of([[-1, 4]]), lists).tolist() == [[4, NOTHING]]


def test_items_are_asked_in_parts(monkeypatch):
    queries, lists = Queries.of([list(range(1, 9))]), ItemLists(np.array([[2, 9]]), np.zeros((1, 2), np.float32))
    monkeypatch.setattr("p5rec.data.reasons.CHUNK", 3)
    assert because(pairs(), queries, lists).tolist() == [[1, 8]]


def test_what_an_empty_history_ranks_as_high_is_just_popular():
    popular = Given([np.r_[np.zeros(SIZE - 1), 9.0]])  # the same answer for everyone
    lists = ItemLists(np.array([[SIZE - 1, 3]]), np.zeros((1, 2), np.float32))
    assert because(popular, Queries.of([[1, 2]]), lists).tolist() == [[NOTHING, NOTHING]]
    popular = Given([np.arange(SIZE, dtype=float)])
    unseen = Unseen(Unseen.Config(seen="exclude"), {"one": popular}, sample())
    asked = Queries.of([[SIZE - 1, SIZE - 2]])
    assert because(unseen, asked, unseen(asked, 3)).tolist() == [[NOTHING] * 3], "leaving one out raises nobody"
    rows = {f"u{n}": ["top", f"other {n}", "top"] for n in range(9)} | {"v": ["x", "y"], "w": ["x", "y", "top"]}
    dataset = from_sequences(rows, held_out=0)
    model = fitted(ItemKNN, dataset, setting(dataset))
    top, x, y = dataset.items.numbers(["top", "x", "y"])
    found = because(
        Scorer(Scorer.Config(), {"one": model}, dataset),
        Queries.of([[x, dataset.items.number("other 3")]]),
        ItemLists(np.array([[top, y]]), np.zeros((1, 2), np.float32)),
    )
    assert found.tolist() == [[NOTHING, x]], "nothing can raise the most popular item"


def test_similar_items_follow_the_item_and_are_not_it():
    found = pairs().similar(np.array([3, 5]), 2)
    assert found.items[:, 0].tolist() == [4, 6]
    assert 3 not in found.items[0]


def test_standard_scores_are_over_finite_entries():
    scores = np.array([[1.0, 2.0, 3.0, -np.inf], [-np.inf] * 4], dtype=np.float32)
    found = standard(scores)
    np.testing.assert_allclose(found[0, :3], [-(1.5**0.5), 0, 1.5**0.5], rtol=1e-6)
    assert np.isneginf(found[1]).all()
    assert np.isneginf(found[0, 3])


class Doubles(Popular):
    """Estimates twice the item's number, plus one for each item of the history."""

    def estimate(self, state, items):
        return 2.0 * items.float().unsqueeze(1) + state

    def encode(self, stream):
        return (stream.kinds == 4).sum(1).float().view(-1, 1, 1)


def test_numbers_are_estimated_for_the_candidates():
    dataset = sample()

    class Able(Doubles, Estimates):
        pass

    model = fitted(Able, dataset, setting(dataset))
    queries = Queries.of([[1, 2], []], candidates=Ragged.of([[3, 4, 5], [6]]))
    answers = Estimator(Estimator.Config(tokens=4), {"able": model}, dataset)(queries, None)
    assert isinstance(answers, Numbers)
    assert answers.values.tolist() == [[8, 10, 12], [12, 0, 0]]
    with pytest.raises(InputError, match="give each query candidates"):
        Estimator(Estimator.Config(), {"able": model}, dataset)(Queries.of([[1]]), None)


def test_a_model_that_cannot_estimate_is_refused():
    dataset = sample()
    model = fitted(Popular, dataset, setting(dataset))
    with pytest.raises(InputError, match=r"estimator: popular \(Popular\) cannot estimate numbers; name one that can"):
        Estimator(Estimator.Config(), {"popular": model}, dataset)
