"""The blend: a weighted sum on a scale, and weights that find what is good."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from responder_toys import Given

from p5rec.blocks.scales import DIALS, scaled
from p5rec.contracts import Queries, Truth
from p5rec.core.climb import climb
from p5rec.core.errors import InputError
from p5rec.data.prompt import of_history
from p5rec.data.ragged import Ragged
from p5rec.responders._race import Duels, Race, clearly_best
from p5rec.responders.blend import Blend
from p5rec.testing.sequences import from_sequences

SIZE = 40
DATASET = from_sequences({"u": [f"i{n:02d}" for n in range(SIZE)]}, held_out=0)
QUERIES = Queries.of([[n] for n in range(SIZE)])
TRUTH = Truth(Ragged.of([[(n + 1) % SIZE] for n in range(SIZE)]), Ragged.of([[1.0]] * SIZE, np.float32))


def noisy(signal, seed):
    """Scores of every item after every last item; the right one is raised by `signal`."""
    scores = np.random.default_rng(seed).normal(size=(SIZE, SIZE))
    scores[np.arange(SIZE), (np.arange(SIZE) + 1) % SIZE] += signal
    return Given(scores)


def blend(inner, **config):
    return Blend(Blend.Config(**config), inner, DATASET)


def race_of(ranker, truth):
    return Race.of(ranker.inner, SIZE, ranker.config.depth, QUERIES, truth)


def ndcg(ranker):
    items = ranker(QUERIES, 10).items
    hit = items == np.array([row[0] for row in TRUTH.items])[:, None]
    return float((hit / np.log2(np.arange(10) + 2)).sum(1).mean())


@pytest.mark.parametrize(("scale", "dial"), [(scale, dials[0]) for scale, dials in DIALS.items()])
def test_the_sum_is_that_of_its_parts(scale, dial):
    parts = {"a": noisy(1, 0), "b": noisy(2, 1)}
    ranker = blend(parts, scale=scale)
    ranker.weights = np.array([0.3, 0.7])
    expected = np.zeros((SIZE, SIZE))
    for weight, part in zip(ranker.weights, parts.values(), strict=True):
        scores = part.scores.astype(np.float64)
        z = (scores - scores.mean(1, keepdims=True)) / scores.std(1, keepdims=True)
        place = (-scores).argsort(1).argsort(1) + 1
        exp = np.exp(z / dial)
        value = {"zscore": z, "softmax": exp / exp.sum(1, keepdims=True), "rank": 1 / (dial + place)}[scale]
        expected += weight * value
    np.testing.assert_allclose(ranker(QUERIES, None).scores, expected, atol=1e-5)
    best = ranker(QUERIES, 5)
    np.testing.assert_allclose(best.scores, -np.sort(-expected, axis=1)[:, :5], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(expected, best.items, 1), best.scores, atol=1e-5)


@given(st.integers(0, 2**32 - 1), st.sampled_from(list(DIALS)), st.floats(0.01, 100), st.floats(-50, 50))
@settings(max_examples=40, deadline=None)
def test_a_scale_keeps_order_and_forgets_size_and_origin(seed, scale, size, origin):
    rng = np.random.default_rng(seed)
    scores = torch.from_numpy(rng.permutation(36).reshape(3, 12).astype(np.float32))  # far enough apart to stay apart
    scores[0, rng.integers(12, size=4)] = -torch.inf
    one = scaled(scores, scale, DIALS[scale][0])
    other = scaled(scores * size + origin, scale, DIALS[scale][0])
    torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3)
    assert torch.equal(one.isneginf(), scores.isneginf())
    order = scores.argsort(1, descending=True)
    assert (one.gather(1, order)[:, :8].diff(dim=1) <= 1e-6).all()


def test_weights_follow_what_is_good():
    good, bad = noisy(3, 0), noisy(0, 1)
    ranker = blend({"bad": bad, "good": good})
    ranker.fit(QUERIES, TRUTH)
    assert ranker.weights[1] > 0.8
    assert ndcg(ranker) >= ndcg(good)


def test_two_halves_are_better_together():
    parts = {"one": noisy(2, 2), "two": noisy(2, 3), "three": noisy(0, 4)}
    ranker = blend(parts, depth=10)
    ranker.fit(QUERIES, TRUTH)
    assert ndcg(ranker) > max(ndcg(part) for part in parts.values()) + 0.05


def test_the_race_is_the_full_ranking():
    ranker = blend({"one": noisy(1, 5), "two": noisy(1, 6)}, depth=SIZE, scale="zscore")
    race = race_of(ranker, TRUTH)
    for weights in ([0.5, 0.5], [1.0, 0.0], [0.2, 0.8]):
        ranker.weights = np.array(weights)
        assert float(race.on("zscore", 1.0)(ranker.weights).mean()) == pytest.approx(ndcg(ranker), abs=1e-6)


def test_several_right_items_and_unanswerable_ones_count():
    truth = Truth(Ragged.of([[1, 2, 3]] * SIZE), Ragged.of([[1.0] * 3] * SIZE, np.float32))
    scores = np.full((1, SIZE), 0.0) - np.arange(SIZE)
    scores[0, 3] = -np.inf
    race = race_of(blend({"one": Given(scores)}, scale="zscore"), truth)
    ideal = (1 / np.log2(np.arange(3) + 2)).sum()
    expected = (1 / np.log2(3) + 1 / np.log2(4)) / ideal  # item 0 is first, 1 and 2 follow, 3 may not be answered
    assert float(race.on("zscore", 1.0)(np.array([1.0])).mean()) == pytest.approx(expected, abs=1e-5)


def test_fewer_right_items_than_others_have_hide_none():
    """Pads of right items once stood for item 0, which is ahead here."""
    truth = Truth(Ragged.of([[1], [2, 3]]), Ragged.of([[1.0], [1.0] * 2], np.float32))
    ranker = blend({"one": Given(np.zeros((1, SIZE)) - np.arange(SIZE))}, scale="zscore")
    race = Race.of(ranker.inner, SIZE, 100, QUERIES.rows(slice(0, 2)), truth)
    assert float(race.on("zscore", 1.0)(np.array([1.0]))[0]) == pytest.approx(1 / np.log2(3), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), truths=st.integers(1, 4), levels=st.integers(2, 6))
def test_decided_duels_change_no_gain(seed, truths, levels):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, levels, (7, truths + 15, 3)).astype(np.float32)  # few levels, so that many are tied
    values[rng.random(values.shape) < 0.05] = -np.inf
    true = rng.random((7, truths)) < 0.8
    values[:, :truths][~true] = -np.inf
    weights = rng.random(3) * [True, *(rng.random(2) < 0.7)]
    duels = Duels.of(torch.from_numpy(values), torch.from_numpy(true))
    for each in (weights, np.tile(weights, (7, 1))):
        gain = duels.gain(torch.from_numpy(each.astype(np.float32)))
        assert gain.numpy() == pytest.approx(ndcg_of_sums(values, true, weights), abs=1e-5)


def ndcg_of_sums(values, true, weights):
    """(Q,) NDCG@10 by adding up and counting, item by item."""
    found = np.zeros(len(values))
    for q, (rows, right) in enumerate(zip(values, true, strict=True)):
        allowed = np.isfinite(rows).all(1)
        total = np.where(allowed, np.where(allowed[:, None], rows, 0) @ weights, -np.inf)
        for t in np.flatnonzero(right & allowed[: len(right)]):
            rivals = (total[len(right) :] >= total[t] - 1e-6) & allowed[len(right) :]
            better = (total[: len(right)] > total[t] + 1e-6) & right
            rank = 1 + rivals.sum() + better.sum()
            found[q] += (rank <= 10) / np.log2(rank + 1)
        found[q] /= (1 / np.log2(np.arange(max(right.sum(), 1)) + 2)).sum()
    return found


def test_an_item_no_one_may_answer_is_not_answered():
    first, second = np.arange(SIZE, dtype=float)[None, :].copy(), np.arange(SIZE, dtype=float)[None, :].copy()
    first[0, SIZE - 1] = -np.inf
    for weights in ([0.5, 0.5], [0.0, 1.0]):
        ranker = blend({"a": Given(first), "b": Given(second)})
        ranker.weights = np.array(weights)
        assert SIZE - 1 not in ranker(QUERIES, 10).items
        assert not np.isnan(ranker(QUERIES, None).scores).any()


def test_chunks_and_candidates_of_different_width(monkeypatch):
    ranker = blend({"a": noisy(1, 7), "b": noisy(1, 8)})
    some = replace(QUERIES, candidates=Ragged.of([np.arange(2 + n % 5) for n in range(SIZE)]))
    whole = [ranker(QUERIES, 5), ranker(QUERIES, None), ranker(some, None)]
    monkeypatch.setattr("p5rec.responders._summed.CHUNK", 3)
    parts = [ranker(QUERIES, 5), ranker(QUERIES, None), ranker(some, None)]
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one.items, other.items)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)
    assert parts[1].items.strides[0] == 0


def test_it_says_what_it_cannot_be_fitted_on():
    ranker = blend({"a": noisy(1, 0)})
    with pytest.raises(InputError, match="there are no validation queries to choose its weights by"):
        ranker.fit(QUERIES.rows(slice(0, 0)), TRUTH.rows(slice(0, 0)))
    with pytest.raises(InputError, match="leave candidates out of the queries"):
        ranker.fit(replace(QUERIES, candidates=Ragged.of([[1, 2]] * SIZE)), TRUTH)


def test_a_missing_ranker_leaves_its_weight_to_the_others():
    ranker = blend({"a": noisy(1, 0), "b": noisy(1, 1)})
    ranker.restore({"weights": {"a": 0.2, "b": 0.3, "gone": 0.5}, "scale": "rank", "dial": 5.0})
    np.testing.assert_allclose(ranker.weights, [0.4, 0.6])
    assert ranker.learned() == {"weights": {"a": 0.4, "b": 0.6}, "scale": "rank", "dial": 5.0}


def test_the_climb_finds_the_top_of_a_hill():
    goal = np.array([0.6, 0.1, 0.3])
    value, weights = climb(lambda weights: -float(((weights - goal) ** 2).sum()), 3)
    np.testing.assert_allclose(weights, goal, atol=0.06)
    assert value > -0.004
    assert climb(lambda weights: float(weights[0]), 1)[1].tolist() == [1.0]


def test_another_scale_must_lead_clearly():
    rng = np.random.default_rng(0)
    first = rng.random(400)
    noise = first + 0.001 + rng.normal(0, 0.5, 400) * rng.choice([-1, 1], 400)
    better, best = first + 0.05 + 0.01 * rng.random(400), first + 0.1
    for rows, chosen in (([first], 0), ([first, noise - noise.mean() + first.mean()], 0), ([first, better, best], 2)):
        assert clearly_best(torch.tensor(np.stack(rows))) == chosen
    assert clearly_best(torch.tensor(np.stack([first, best, first - 0.2]))) == 1


def test_words_are_answered_by_those_who_read_them():
    reader, other = noisy(1, 0), noisy(9, 1)
    reader.reads = True
    ranker, told = blend({"reader": reader, "other": other}), replace(QUERIES, prompt=of_history(QUERIES.history))
    assert ranker.reads
    assert np.array_equal(ranker(told, 5).items, reader(told, 5).items)
    assert not np.array_equal(ranker(QUERIES, 5).items, reader(QUERIES, 5).items)
    assert not blend({"other": other}).reads


def test_questions_out_of_reach_change_no_gain(monkeypatch):
    size, asked = 3000, 60
    rng = np.random.default_rng(0)
    parts = {name: Given(rng.normal(size=(asked, size))) for name in "ab"}
    for part in parts.values():
        part.scores[np.arange(0, asked, 2), 7] += 3.0  # every other question has its right item near the top
        part.scores[np.arange(1, asked, 2), 7] = -1.0
    queries = Queries.of([[n] for n in range(asked)])
    truth = Truth(Ragged.of([[7]] * asked), Ragged.of([[1.0]] * asked, np.float32))
    race = Race.of(parts, size, 100, queries, truth)
    gains = {}
    for far in (500, size):
        monkeypatch.setattr("p5rec.responders._race.FAR", far)
        assert len(race._undecided()) == (asked // 2 if far < size else asked)
        gains[far] = torch.stack([race.on("zscore", 1.0)(np.array([w, 1 - w])) for w in (0.0, 0.3, 0.5, 1.0)])
    assert torch.equal(gains[500], gains[size])
    assert gains[500].max() > 0
