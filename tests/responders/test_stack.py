"""A second stage with a known answer: which of two rankers is right depends on a fact that a sum cannot see."""

from dataclasses import replace

import numpy as np
import pytest
from responder_toys import Given
from scipy import sparse

from p5rec.core.errors import InputError
from p5rec.data.prompt import of_history
from p5rec.data.queries import Queries, Truth
from p5rec.data.ragged import Ragged
from p5rec.responders._evidence import Content
from p5rec.responders.blend import Blend
from p5rec.responders.stack import Stack
from p5rec.testing.sample import sample
from p5rec.testing.sequences import from_sequences

ITEMS = 60


def world(seed: int, count: int = 400):
    """For short histories the first ranker tells what comes next, for long ones the second; the other one misleads."""
    rng = np.random.default_rng(seed)
    goal = rng.permutation(np.arange(count) % ITEMS)
    short = np.arange(count) % 2 == 0
    said = np.full((2, count, ITEMS), 0.0, np.float32) + rng.random((2, count, ITEMS)) * 0.1
    wrong = (goal + rng.integers(1, ITEMS, count)) % ITEMS
    rows = np.arange(count)
    said[0, rows, np.where(short, goal, wrong)] = 1.0
    said[1, rows, np.where(short, wrong, goal)] = 1.0
    histories = [[row] * (2 if one else 9) for row, one in enumerate(short)]
    return said, histories, goal


class Told(Given):
    """Scores by the number that stands in the history of a query, which is no item here."""


def ready(plug, seed=0):
    said, histories, goal = world(seed)
    dataset = from_sequences({f"u{n}": [f"i{(n + step) % ITEMS}" for step in range(3)] for n in range(ITEMS)}, seed=0)
    truth = Truth(Ragged.of([[one] for one in goal]), Ragged.of([[1.0] for _ in goal], float))
    inner = {"first": Told(said[0]), "second": Told(said[1])}
    made = plug(plug.Config(), inner, dataset)
    return made, histories, truth, goal


def hit_rate(made, histories, goal) -> float:
    answers = made(Queries.of(histories), 1)
    return float((answers.items[:, 0] == goal).mean())


@pytest.fixture
def counted(monkeypatch):
    """Histories of this world name queries, not items, so nothing is counted by item."""
    monkeypatch.setattr("p5rec.responders._evidence.Knowledge._pairs", lambda self, items, queries: _none(items))
    monkeypatch.setattr(
        "p5rec.responders._evidence.Knowledge._items", lambda self, items, queries: _lengths(items, queries)
    )


def _none(items):
    return [np.zeros(items.shape) for _ in range(3)]


def _lengths(items, queries):
    length = np.broadcast_to(np.log(queries.history.lengths)[:, None], items.shape)
    return [np.zeros(items.shape), length, np.zeros(items.shape)]


@pytest.mark.usefixtures("counted")
def test_the_network_learns_whom_to_trust_and_a_sum_cannot():
    stack, histories, truth, goal = ready(Stack)
    queries = Queries.of(histories)
    half = slice(0, 200), slice(200, 400)
    stack.learn(queries.rows(half[0]), truth.rows(half[0]))
    stack.fit(queries.rows(half[1]), truth.rows(half[1]))
    blend = ready(Blend)[0]
    blend.fit(queries, truth)
    assert hit_rate(stack, histories, goal) > 0.95
    assert hit_rate(blend, histories, goal) < 0.7
    other = ready(Stack)[0]
    other.text = stack.text
    other.restore(stack.learned())
    np.testing.assert_array_equal(other(queries, 5).items, stack(queries, 5).items)


@pytest.mark.usefixtures("counted")
def test_words_are_answered_by_first_stages_that_read_them():
    stack, histories, truth, _ = ready(Stack)
    queries, truth = Queries.of(histories).rows(slice(0, 100)), truth.rows(slice(0, 100))
    told = replace(queries, prompt=of_history(queries.history))
    stack.learn(queries, truth)
    deaf = stack(queries, 5)
    assert not stack.reads
    np.testing.assert_array_equal(stack(told, 5).items, deaf.items)
    second = stack.inner["second"]
    second.reads = True
    heard = Stack(stack.config, stack.inner, stack.dataset)
    heard.text = stack.text
    assert heard.reads
    np.testing.assert_array_equal(heard(told, 5).items, second(told, 5).items)
    np.testing.assert_array_equal(heard(queries, 5).items, deaf.items)
    assert not np.array_equal(heard(told, 1).items, heard(queries, 1).items)


def test_nothing_to_learn_from(capsys):
    made, histories, truth, _ = ready(Stack)
    made.learn(Queries.of(histories).rows(slice(0, 0)), truth.rows(slice(0, 0)))
    assert "stack: no first stage has a right item among its best, so it learns nothing" in capsys.readouterr().err
    assert (made.text, made.share) == ("", 0.0)
    with pytest.raises(InputError, match="no validation queries to choose its weights by"):
        made.fit(Queries.of(histories).rows(slice(0, 0)), truth.rows(slice(0, 0)))


def test_a_fold_holds_no_event_that_is_held_out():
    whole = sample()
    fold = whole.folded()
    queries, truth = fold.held_out("valid")
    own = whole.history("train")
    for user, history, right in zip(queries.users, queries.history, truth.items, strict=True):
        assert [*history, *right] == own[user].tolist()
    assert not len(fold.held_out("test")[0])
    assert len(fold.training_items) == len(whole.training_items) - len(queries)


@pytest.mark.usefixtures("counted")
def test_a_blend_of_first_stages_is_added_up_and_the_answers_are_as_if_it_were_asked(monkeypatch):
    made, histories, truth, _ = ready(Stack)
    queries, parts = Queries.of(histories), made.inner
    blend = Blend(Blend.Config(), parts, made.dataset)
    blend.fit(queries, truth)
    both = Stack(Stack.Config(), {"blend": blend, **parts}, made.dataset)
    with monkeypatch.context() as patch:
        patch.setattr(Blend, "__call__", lambda *a: pytest.fail("its parts were asked again"))
        summed = both(queries, 5)
    monkeypatch.setattr("p5rec.responders._evidence.Knowledge._is_over_others", lambda self, one: False)
    alone = Stack(Stack.Config(), {"blend": blend, **parts}, made.dataset)(queries, 5)
    np.testing.assert_allclose(summed.scores, alone.scores, atol=1e-5)
    assert np.array_equal(summed.items, alone.items)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_nothing_is_answered_where_all_is_excluded(share):
    made, histories, truth, _ = ready(Stack)
    queries = Queries.of(histories).rows(slice(0, 100))
    made.learn(queries, truth.rows(slice(0, 100)))
    made.restore({"share": share})
    barred = replace(queries, excluded=Ragged.of([np.arange(ITEMS)] * len(queries)))
    lists = made(barred, 3)
    assert (lists.items == -1).all()
    assert np.isneginf(lists.scores).all()
    assert set(lists.short) == set(range(len(queries)))


def test_the_share_is_chosen_by_the_mean_of_queries_not_by_right_items(monkeypatch):
    """The network finds the nine right items of one query, the mean the one right item of two others."""
    made = ready(Stack)[0]
    truth = Truth(Ragged.of([[*range(1, 10)], [1], [1]]), Ragged.of([[1.0] * 9, [1.0], [1.0]], float))
    true = np.zeros((3, 30), dtype=bool)
    true[0, 1:10] = True
    true[1:, 1] = True
    down = -np.arange(30.0)
    by_mean = np.stack([-down, down, down])  # finds the single ones, and none of the nine
    by_network = np.stack([down, -down, -down])
    monkeypatch.setattr(Stack, "_seen", lambda *a: iter([(None, true)]))
    monkeypatch.setattr(Stack, "_first", lambda self, seen, base: by_mean)
    monkeypatch.setattr(Stack, "_said", lambda *a: by_network)
    made._network = object()
    made.fit(Queries.of([[1], [2], [3]]), truth)
    assert made.share == 0.0, "two queries of three are better answered by the mean"


def test_cosines_of_candidates_are_those_of_their_rows():
    rng = np.random.default_rng(0)
    table = sparse.csr_array(rng.random((40, 30)) * (rng.random((40, 30)) < 0.2))
    row, items = np.array([3, -1, 7]), rng.integers(-1, 40, (3, 9))
    expected = np.where(row[:, None] >= 0, (table @ table.T).toarray()[row[:, None], items], 0)
    found = Content(table).alike(row, items)
    np.testing.assert_allclose(found[items >= 0], expected[items >= 0], atol=1e-6)


@pytest.mark.usefixtures("counted")
def test_a_first_stage_that_leads_clearly_speaks_for_all():
    made, histories, truth, goal = ready(Stack)
    half, queries = slice(0, 400, 2), Queries.of(histories)  # short histories, of which the first stage is right
    made.fit(queries.rows(half), truth.rows(half))
    assert made.learned() == {"share": 0.0, "base": "first"}
    lists = made(queries.rows(half), 3)
    np.testing.assert_array_equal(lists.items, made.inner["first"](queries.rows(half), 3).items)
    other = ready(Stack)[0]
    other.restore(made.learned())
    np.testing.assert_array_equal(other(queries.rows(half), 3).items, lists.items)
    other.restore({"share": 0.0, "base": "gone"})
    assert other.base == ""
    assert (lists.items[:, 0] == goal[half]).all()
