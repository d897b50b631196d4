"""Rankings put together without anything chosen: the average, and reciprocal ranks."""

from dataclasses import replace

import numpy as np
from responder_toys import Given

from p5rec.contracts import Queries
from p5rec.data.prompt import of_history
from p5rec.responders.average import Average
from p5rec.responders.reciprocal import Reciprocal
from p5rec.testing.sequences import from_sequences

SIZE = 12
DATASET = from_sequences({"u": [f"i{n:02d}" for n in range(SIZE)]}, held_out=0)
QUERIES = Queries.of([[n] for n in range(SIZE)])
FIRST, SECOND = (np.random.default_rng(seed).normal(size=(SIZE, SIZE)) for seed in (0, 1))


def test_the_average_is_that_of_standardised_scores():
    ranker = Average(Average.Config(), {"a": Given(FIRST), "b": Given(100 * SECOND + 7)}, DATASET)
    z = [(part - part.mean(1, keepdims=True)) / part.std(1, keepdims=True) for part in (FIRST, SECOND)]
    np.testing.assert_allclose(ranker(QUERIES, None).scores, sum(z) / 2, atol=1e-4)


def test_reciprocal_ranks_look_at_places_only():
    ranker = Reciprocal(Reciprocal.Config(constant=60), {"a": Given(FIRST), "b": Given(np.exp(SECOND))}, DATASET)
    places = [(-part).argsort(1).argsort(1) + 1 for part in (FIRST, SECOND)]
    expected = sum(1 / (60 + place) for place in places) / 2
    np.testing.assert_allclose(ranker(QUERIES, None).scores, expected, atol=1e-6)


def test_who_cannot_read_has_no_say_where_words_are_told():
    reader, other = Given(FIRST), Given(SECOND)
    reader.reads = True
    told = replace(QUERIES, prompt=of_history(QUERIES.history))
    for plug in (Average, Reciprocal):
        ranker = plug(plug.Config(), {"reader": reader, "other": other}, DATASET)
        assert np.array_equal(ranker(told, 5).items, reader(told, 5).items)
        assert not np.array_equal(ranker(QUERIES, 5).items, reader(QUERIES, 5).items)
