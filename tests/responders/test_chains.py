"""Responders around responders: unseen, fallback, rules."""

from dataclasses import replace

import numpy as np
import pytest
from responder_toys import Given

from p5rec.contracts import Queries
from p5rec.core.errors import InputError
from p5rec.data.ragged import Ragged
from p5rec.responders.fallback import Fallback
from p5rec.responders.rules import Rules
from p5rec.responders.unseen import Unseen
from p5rec.testing.sample import sample
from p5rec.testing.sequences import category, from_sequences

INF = float("inf")
ITEMS = from_sequences({"u": ["a", "b", "c", "d", "e"]}, held_out=0)


def unseen(dataset, seen="auto", scores=((5, 4, 3, 2, 1),)):
    return Unseen(Unseen.Config(seen=seen), {"one": Given(scores)}, dataset)


def test_the_whole_history_is_left_out():
    answers = unseen(ITEMS)(Queries.of([[0, 1, 0], []]), 3)
    assert answers.items.tolist() == [[2, 3, 4], [0, 1, 2]]
    assert unseen(ITEMS)(Queries.of([[1]]).excluding(Ragged.of([[0]])), 3).items.tolist() == [[2, 3, 4]]


def test_whether_follows_from_repeats_in_the_data():
    often = replace(ITEMS, facts={"repeat_rate": 0.3})
    assert unseen(ITEMS).excludes
    assert not unseen(often).excludes
    assert unseen(often, "exclude").excludes
    assert not unseen(ITEMS, "include").excludes
    assert unseen(often)(Queries.of([[0, 1]]), 2).items.tolist() == [[0, 1]]


def fallback(*rows, **config):
    inner = {f"ranker {n}": Given([row]) for n, row in enumerate(rows)}
    return Fallback(Fallback.Config(**config), inner, ITEMS)


def test_lists_are_filled_by_the_next_ranker_without_repeats():
    ranker = fallback([1, 9, -INF, -INF, -INF], [7, 8, 6, -INF, 5])
    answers = ranker(Queries.of([[3]]), 4)
    assert answers.items.tolist() == [[1, 0, 2, 4]]
    assert (np.diff(answers.scores[0]) < 0).all()
    full = ranker(Queries.of([[3]]), None)
    np.testing.assert_allclose(full.scores[0][[1, 0, 2, 4]], answers.scores[0])
    assert full.scores[0, 3] == -INF
    assert ranker(Queries.of([[3]]), 5).short == {
        0: "only 4 of 5 items remain after leaving out seen or excluded ones",
    }


def test_who_has_no_history_is_answered_by_the_last_ranker():
    ranker = fallback([5, 4, 3, 2, 1], [1, 2, 3, 4, 5])
    queries = Queries.of([[0], [], [-1]])
    assert ranker(queries, 2).items.tolist() == [[0, 1], [4, 3], [4, 3]]
    assert ranker(queries, None).scores.argmax(1).tolist() == [0, 4, 4]
    assert fallback([5, 4, 3, 2, 1], [1, 2, 3, 4, 5], history=0)(queries, 1).items.ravel().tolist() == [0, 0, 0]


def rules(dataset=ITEMS, **config):
    return Rules(Rules.Config(**config), {"one": Given([np.arange(dataset.n_items)[::-1]])}, dataset)


def test_only_what_is_allowed_and_not_denied_is_answered():
    number = ITEMS.items.number
    allowed = rules(allow=("a", "b", "c"), deny=("b",))
    answers = allowed(Queries.of([[0], [1]]), 3)
    assert {row[0] for row in answers.items} | {row[1] for row in answers.items} == {number("a"), number("c")}
    assert answers.short[0] == "only 2 of 5 items remain after leaving out seen or excluded ones"
    assert np.isfinite(allowed(Queries.of([[0]]), None).scores).sum() == 2
    some = replace(Queries.of([[0]]), candidates=Ragged.of([[number("b"), number("c")]]))
    assert allowed(some, 1).items.tolist() == [[number("c")]]


def test_lists_come_from_files_too(tmp_path):
    (tmp_path / "deny.txt").write_text("a\n\n b \n", encoding="utf-8")
    left = rules(deny=("c",), deny_file=tmp_path / "deny.txt").allowed
    assert {ITEMS.items.key(n) for n in np.flatnonzero(left)} == {"d", "e"}


def test_a_list_may_name_categories():
    kind = category(ITEMS.items, {"a": "tea", "b": "tea", "c": "cup"})
    dataset = from_sequences({"u": ["a", "b", "c", "d", "e"]}, held_out=0, item_columns={"kind": kind})
    assert {dataset.items.key(n) for n in np.flatnonzero(rules(dataset, column="kind", allow=("tea",)).allowed)} == {
        "a",
        "b",
    }
    assert rules(dataset, column="kind", deny=("tea",)).allowed.sum() == 3
    tagged = sample()
    tags = tagged.item_features.columns["tags"]
    has = np.array([list(tags.levels).index("x") in row for row in tags.values])
    assert np.array_equal(rules(tagged, column="tags", allow=("x",)).allowed, has)


def test_all_faults_of_the_lists_are_told_together(tmp_path):
    with pytest.raises(InputError) as caught:
        rules(allow=("a", "zz"), deny=("yy",), deny_file=tmp_path / "none.txt")
    told = "\n".join(caught.value.faults)
    assert "allow: item 'zz' is not in the catalogue of 5 items" in told
    assert "deny: item 'yy' is not in the catalogue of 5 items" in told
    assert "none.txt cannot be read" in told
    with pytest.raises(InputError, match="the lists leave none of 5 items; shorten deny or lengthen allow"):
        rules(allow=("a",), deny=("a",))
    with pytest.raises(InputError, match=r"there is no category column 'colour' of items; there are none"):
        rules(column="colour", allow=("red",))
    with pytest.raises(InputError, match=r"allow: no item has the group 'aa'; did you mean 'a'\?"):
        rules(sample(), column="group", allow=("aa",))
