"""The average and reciprocal rank fusion against the same sums written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from responder_toys import Given

from p5rec.blocks.scales import REACH, places
from p5rec.contracts import Queries
from p5rec.data.prompt import of_history
from p5rec.data.ragged import Ragged
from p5rec.responders.average import Average
from p5rec.responders.blend import Blend
from p5rec.responders.reciprocal import Reciprocal
from p5rec.testing.sequences import from_sequences

SIZE = 12
DATASET = from_sequences({"u": [f"i{n:02d}" for n in range(SIZE)]}, held_out=0)
QUERIES = Queries.of([[n] for n in range(SIZE)])


def rankers(**sizes: float) -> dict[str, Given]:
    """Random scores of very different sizes."""
    draw = np.random.default_rng(0)
    return {name: Given(size * draw.normal(size=(SIZE, SIZE))) for name, size in sizes.items()}


def test_the_average_is_that_of_standardised_scores() -> None:
    parts = rankers(a=1, b=1000)
    z = [(p.scores - p.scores.mean(1, keepdims=True)) / p.scores.std(1, keepdims=True) for p in parts.values()]
    found = Average(Average.Config(), parts, DATASET)(QUERIES, None).scores
    np.testing.assert_allclose(found, np.mean(z, axis=0), atol=1e-5)


def test_reciprocal_ranks_are_the_published_sum() -> None:
    parts = rankers(a=1, b=1000, c=0.01)
    rank = [(-p.scores).argsort(1).argsort(1) + 1 for p in parts.values()]
    for constant in (60.0, 3.0):
        fused = Reciprocal(Reciprocal.Config(constant=constant), parts, DATASET)
        expected = np.mean([1 / (constant + one) for one in rank], axis=0)
        np.testing.assert_allclose(fused(QUERIES, None).scores, expected, rtol=1e-5)
    assert Reciprocal.Config().constant == 60


def test_equal_scores_share_the_last_of_their_places() -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0, 1.0, 0.0, -torch.inf]])
    assert places(scores).tolist() == [[1, 4, 2, 4, 5, 6]]
    assert places(scores, scores[:, [2, 4]]).tolist() == [[2, 5]], "some of them alone"
    assert (places(torch.zeros(1, REACH + 500)) == REACH + 1).all()
    far = places(torch.arange(REACH + 500.0).flip(0)[None])[0]
    assert far[: REACH + 2].tolist() == [*range(1, REACH + 2), REACH + 1]


def test_who_says_nothing_of_items_adds_nothing_to_their_order() -> None:
    parts = {"knows": rankers(a=1)["a"], "silent": Given(np.zeros((SIZE, SIZE)))}
    alone = parts["knows"](QUERIES, 5).items
    for plug in (Average, Reciprocal):
        assert np.array_equal(plug(plug.Config(), parts, DATASET)(QUERIES, 5).items, alone)


def test_what_one_may_not_answer_nobody_answers() -> None:
    asked = QUERIES.excluding(Ragged.of([[3]] * SIZE))
    for plug in (Average, Reciprocal):
        lists = plug(plug.Config(), rankers(a=1, b=2), DATASET)(asked, SIZE)
        assert not (lists.items == 3).any()
        assert len(lists.short) == SIZE


def test_where_words_steer_those_who_do_not_read_have_no_say() -> None:
    parts = rankers(reader=1, deaf=1000)
    parts["reader"].reads = True
    told = replace(QUERIES, prompt=of_history(QUERIES.history))
    alone = parts["reader"](QUERIES, 5).items
    for plug in (Average, Reciprocal):
        fused = plug(plug.Config(), parts, DATASET)
        assert fused.reads
        assert np.array_equal(fused(told, 5).items, alone)
        assert not np.array_equal(fused(QUERIES, 5).items, alone)


@pytest.mark.parametrize("plug", [Average, Reciprocal, Blend])
def test_what_an_item_scores_does_not_depend_on_the_candidates(plug) -> None:
    ranker = plug(plug.Config(), rankers(a=1, b=1000), DATASET)
    some = np.array([7, 2, 11, 2, 5])
    whole = ranker(QUERIES, None).scores
    found = ranker(replace(QUERIES, candidates=Ragged.of([some] * SIZE)), None)
    first = np.array([0, 1, 2, 4])  # the second 2 is the first again
    np.testing.assert_allclose(found.scores[:, first], whole[:, some[first]], atol=1e-6)
    assert np.isneginf(found.scores[:, 3]).all()
