"""Likeness by content: rare words count more, and new items are known at once."""

import numpy as np
import pytest

from p5rec.contracts import Queries, StepsAside
from p5rec.data.features import Column, Kind
from p5rec.data.told import told
from p5rec.models.content import Content
from p5rec.responders.scorer import Scorer
from p5rec.testing.making import setting
from p5rec.testing.sequences import from_sequences

SEQUENCES = {"a": ["tea", "jam"], "b": ["jam", "pot"], "c": ["pot", "tin"]}
TAGS = {"tea": "herb", "jam": "red", "pot": "red", "tin": "herb", "new": "herb", "odd": ""}
TEXTS = {"tea": "green leaf", "jam": "sweet fruit", "pot": "green clay", "tin": "clay", "new": "leaf", "odd": "stone"}


def shop(known=True):
    bare = from_sequences(SEQUENCES, held_out=0, items=["new", "odd"])
    if not known:
        return bare
    names = [bare.items.key(item) for item in range(bare.n_items)]
    levels = ("herb", "red")
    tags = np.array([levels.index(TAGS[name]) if TAGS[name] else -1 for name in names], np.int32)
    columns = {
        "tag": Column(Kind.CATEGORY, tags, levels),
        "text": Column(Kind.TEXT, np.array([TEXTS[name] for name in names], dtype=object)),
    }
    spoken = list(TEXTS.values())
    return from_sequences(SEQUENCES, held_out=0, items=["new", "odd"], item_columns=columns, spoken=spoken)


def scores(data, model, name):
    number = {data.items.key(item): item for item in range(data.n_items)}
    answer = Scorer(Scorer.Config(), {"model": model}, data)(Queries.of([[number[name]]]), None)
    return {key: float(answer.scores[0, item]) for key, item in number.items()}


def solved(data):
    model = Content(Content.Config(), setting(data))
    model.solve(data)
    return model


def test_scores_are_cosines_of_weighed_words_and_categories():
    data = shop()
    table = told(data.known_items).toarray()
    times = table[np.flatnonzero(data.item_counts)].sum(0)
    weighed = table * np.log(np.count_nonzero(data.item_counts) / np.maximum(times, 1)) * (times > 0)
    unit = weighed / np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-9)
    number = {data.items.key(item): item for item in range(data.n_items)}
    mine = scores(data, solved(data), "tea")
    for name, item in number.items():
        assert mine[name] == pytest.approx(unit[number["tea"]] @ unit[item], abs=1e-5)


def test_a_new_item_is_known_by_what_it_shares_with_the_history():
    mine = scores(shop(), solved(shop()), "tea")
    assert mine["new"] > mine["tin"] > mine["odd"], "a rare word says more than a common category, stone says nothing"
    assert mine["odd"] == pytest.approx(0, abs=1e-6)


def test_without_words_and_categories_it_steps_aside():
    data = shop(known=False)
    with pytest.raises(StepsAside, match="content steps aside: items have neither words nor categories"):
        solved(data)
