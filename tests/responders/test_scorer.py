"""The ranking of one model: right items, right order, right words."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from p5rec.contracts import Queries, collate
from p5rec.data.answers import NOTHING
from p5rec.data.ragged import Ragged
from p5rec.models.itemknn import ItemKNN
from p5rec.models.mf import MF
from p5rec.responders.scorer import Scorer
from p5rec.testing.making import fitted, setting
from p5rec.testing.sample import sample

DATASET = sample()
MODELS = {plug: fitted(plug, DATASET, setting(DATASET)) for plug in (ItemKNN, MF)}


def scorer(plug, **config):
    return Scorer(Scorer.Config(**config), {"model": MODELS[plug]}, DATASET)


def plain(model, queries):
    with torch.inference_mode():
        return model.score(model.encode(collate(queries, model.length)))[:, 0].numpy()


@pytest.mark.parametrize("plug", MODELS)
def test_all_scores_are_those_of_the_model(plug):
    queries, _ = DATASET.held_out("test")
    answers = scorer(plug)(queries, None)
    np.testing.assert_allclose(answers.scores, plain(MODELS[plug], queries), rtol=1e-5, atol=1e-6)
    assert answers.scores.dtype == np.float32


@given(st.integers(0, 2**32 - 1), st.sampled_from(list(MODELS)), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_the_list_is_the_sorted_catalogue_without_the_excluded(seed, plug, k):
    rng = np.random.default_rng(seed)
    queries = Queries.of([rng.integers(0, DATASET.n_items, rng.integers(0, 9)) for _ in range(4)])
    excluded = [rng.integers(0, DATASET.n_items, rng.integers(0, 30)) for _ in range(4)]
    answers = scorer(plug, tokens=20)(queries.excluding(Ragged.of(excluded)), k)
    scores = plain(MODELS[plug], queries)
    for row, gone in enumerate(excluded):
        left = np.setdiff1d(np.arange(DATASET.n_items), gone)
        best = np.sort(scores[row, left])[::-1][:k]
        found = answers.items[row][answers.items[row] != NOTHING]
        assert len(found) == min(k, len(left))
        assert not set(found) & set(gone)
        np.testing.assert_allclose(answers.scores[row, : len(found)], best, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(scores[row, found], best, rtol=1e-5, atol=1e-6)


def test_batches_are_of_like_length_and_change_nothing():
    queries, _ = DATASET.held_out("test")
    whole, parts = scorer(MF)(queries, 5), scorer(MF, tokens=10, cells=50)(queries, 5)
    np.testing.assert_allclose(whole.scores, parts.scores, atol=1e-5)
    batches = list(scorer(MF, tokens=60)._batches(queries))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(queries)))
    lengths = np.minimum(queries.history.lengths, MODELS[MF].config.length)
    assert all(lengths[a].min() >= lengths[b].max() for a, b in pairwise(batches))


def test_a_short_list_says_why():
    queries = replace(Queries.of([[0], [0], [0], []]), candidates=Ragged.of([[1, 2, 3], [1, 2, 3], [4], [5, 5, 6]]))
    queries = queries.excluding(Ragged.of([[], [2], [], []]))
    answers = scorer(ItemKNN)(queries, 5)
    assert answers.short == {
        0: "only 3 candidates were given",
        1: "only 2 of 3 candidates remain after leaving out seen or excluded ones",
        2: "only 1 candidate was given",
        3: "only 2 candidates were given",
    }
    assert (answers.items[0] == NOTHING).sum() == 2
    everything = Queries.of([[0], [0]]).excluding(Ragged.of([np.arange(30), []]))
    assert scorer(ItemKNN)(everything, 40).short == {
        0: "only 4 of 34 items remain after leaving out seen or excluded ones",
        1: "the catalogue has only 34 items",
    }


def test_item_vectors_are_made_once_until_refreshed(monkeypatch):
    made = []
    model = MODELS[MF]
    whole = type(model).catalogue
    monkeypatch.setattr(MF, "catalogue", lambda self, items=None: made.append(1) or whole(self, items))
    ranker, queries = scorer(MF), Queries.of([[1, 2]])
    for _ in range(3):
        ranker(queries, 3)
    assert len(made) == 1
    ranker.refresh()
    ranker(queries, 3)
    assert len(made) == 2


def test_the_model_is_left_as_it_was_found():
    model = MODELS[MF]
    model.train()
    scorer(MF)(Queries.of([[1]]), 3)
    assert model.training
    model.eval()


def test_similar_items_of_a_factored_model_are_near_by_cosine():
    similar = scorer(MF).similar(np.array([0, 3]), 4)
    vectors = torch.nn.functional.normalize(MODELS[MF].catalogue(), dim=-1)
    cosine = vectors @ vectors.T
    for row, item in enumerate((0, 3)):
        cosine[item, item] = -2
        assert item not in similar.items[row]
        np.testing.assert_allclose(similar.scores[row], cosine[item].sort(descending=True).values[:4], atol=1e-5)


def test_similar_items_of_others_follow_the_item_alone():
    similar = scorer(ItemKNN).similar(np.array([2]), 3)
    alone = plain(MODELS[ItemKNN], Queries.of([[2]]))[0]
    alone[2] = -np.inf
    assert similar.items[0].tolist() == np.argsort(-alone)[:3].tolist()
