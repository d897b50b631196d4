"""Weights that depend on the history: worlds where they should, and one where they should not."""

import numpy as np
import pytest
from responder_toys import Given

from p5rec.data.queries import Queries, Truth
from p5rec.data.ragged import Ragged
from p5rec.responders._history import facts
from p5rec.responders.blend import Blend
from p5rec.responders.gated import Gated
from p5rec.testing.sequences import from_sequences

SIZE = 240  # items, and as many queries
GROUPS = [(popular, old) for popular in (True, False) for old in (True, False)]
NAMES = [f"i{n:03d}" for n in range(SIZE)]  # n % 4 is the group


def dataset():
    """Histories of one event or of nine, of items of one group each."""
    rows, times = {}, {}
    for number in range(SIZE):
        popular, old = GROUPS[number % 4]
        for copy in range(6 if popular else 2):
            user, length = f"u{number}-{copy}", 1 + 8 * (copy % 2)
            rows[user] = [NAMES[(number + 4 * step) % SIZE] for step in range(length)]
            times[user] = [(0 if old else 1000) + step for step in range(length)]
    return from_sequences(rows, items=NAMES, times=times, held_out=0)


DATASET = dataset()
POPULAR, OLD = np.array(GROUPS)[[int(name[1:]) % 4 for name in DATASET.items.keys(range(SIZE))]].T
LENGTHS = 1 + 8 * np.random.default_rng(9).integers(2, size=SIZE)
QUERIES = Queries.of([[item] * length for item, length in enumerate(LENGTHS)])
HIGH = {"length": LENGTHS > 1, "popularity": POPULAR, "age": OLD}


def world(high, seed):
    """Two rankers: where `high` the second raises the right item, elsewhere the first; the other one misleads."""
    rng = np.random.default_rng(seed)
    goal, wrong = rng.permutation(SIZE), rng.permutation(SIZE)
    scores = rng.normal(size=(2, SIZE, SIZE))
    for n, right in enumerate((~high, high)):
        scores[n, np.arange(SIZE), np.where(right, goal, wrong)] += 5.0
    truth = Truth(Ragged.of([[one] for one in goal]), Ragged.of([[1.0]] * SIZE, np.float32))
    return {"first": Given(scores[0]), "second": Given(scores[1])}, truth


def noise(seed, count=2):
    """Rankers that are equally good everywhere."""
    rng = np.random.default_rng(seed)
    goal = rng.permutation(SIZE)
    scores = rng.normal(size=(count, SIZE, SIZE))
    scores[:, np.arange(SIZE), goal] += 2.0
    truth = Truth(Ragged.of([[one] for one in goal]), Ragged.of([[1.0]] * SIZE, np.float32))
    return {f"ranker {n}": Given(one) for n, one in enumerate(scores)}, truth


def gated(inner, data=DATASET, plug=Gated):
    return plug(plug.Config(scale="zscore"), inner, data)


def ndcg(ranker, truth):
    hit = ranker(QUERIES, 10).items == truth.items.padded()
    return float((hit / np.log2(np.arange(10) + 2)).sum(1).mean())


@pytest.mark.parametrize("fact", HIGH)
def test_who_is_right_for_whom_is_found(fact):
    ranker = gated(world(HIGH[fact], 0)[0])
    ranker.fit(QUERIES, world(HIGH[fact], 0)[1])
    assert ranker.by == fact
    assert ranker.ends[0, 0] > 0.6
    assert ranker.ends[1, 1] > 0.6
    inner, truth = world(HIGH[fact], 1)  # what it has not seen
    ranker.inner, fixed = inner, gated(inner, plug=Blend)
    best = 0.0
    for weight in np.linspace(0, 1, 21):
        fixed.weights = np.array([weight, 1 - weight])
        best = max(best, ndcg(fixed, truth))
    assert ndcg(ranker, truth) > best + 0.15


@pytest.mark.parametrize("seed", range(3))
def test_where_no_fact_matters_it_is_the_blend(seed):
    inner, truth = noise(seed)
    ranker, plain = gated(inner), gated(inner, plug=Blend)
    ranker.fit(QUERIES, truth)
    plain.fit(QUERIES, truth)
    assert ranker.learned() == plain.learned()
    np.testing.assert_array_equal(ranker(QUERIES, 5).items, plain(QUERIES, 5).items)


def test_a_place_between_the_ends_has_weights_between():
    ranker = gated(noise(0)[0])
    low, high = {"ranker 0": 1.0, "ranker 1": 0.0}, {"ranker 0": 0.2, "ranker 1": 0.8}
    ranker.restore({"by": "length", "low": low, "high": high, "scale": "zscore", "dial": 1.0})
    shares = ranker.shares(Queries.of([[0], [0] * 9, [0] * 99, [], [0] * 3]))
    np.testing.assert_allclose(shares[:4, 1], [0, 0.8, 0.8, 0])
    assert shares[4, 1] == pytest.approx(0.8 * np.log(4 / 2) / np.log(10 / 2))
    assert ranker.learned()["high"] == high


def test_what_is_not_known_lies_in_the_middle():
    known = facts(DATASET)
    assert set(known) == set(HIGH)
    for name in ("popularity", "age"):
        assert known[name](Ragged.of([[]])) == 0.5
    assert known["popularity"](Ragged.of([[int(POPULAR.argmax())], [int(POPULAR.argmin())]])).tolist() == [1, 0]
    assert known["age"](Ragged.of([[int(OLD.argmax())], [int(OLD.argmin())]])).tolist() == [1, 0]


def test_a_fact_in_which_histories_do_not_differ_is_none():
    alike = from_sequences(
        {f"u{n}": ["a", "b"] for n in range(9)}, times={f"u{n}": [-1, -1] for n in range(9)}, held_out=0
    )
    assert not facts(alike)
    ranker = gated({"one": Given(np.ones((1, 2))), "two": Given(np.ones((1, 2)))}, alike)
    ranker.restore({"by": "age", "low": {"one": 1.0}, "high": {"two": 1.0}, "scale": "zscore", "dial": 1.0})
    np.testing.assert_allclose(ranker.shares(Queries.of([[0]])), [0.5, 0.5])


def test_more_weights_than_validation_may_choose_are_not_chosen():
    inner, truth = world(HIGH["length"], 0)
    ranker = gated(inner | {f"more {n}": inner["first"] for n in range(8)})
    ranker.fit(QUERIES.rows(slice(0, 20)), truth.rows(slice(0, 20)))
    assert not ranker.by
