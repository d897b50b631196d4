"""What every responder promises: the same answer in any company, and exactly what was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from p5rec.contracts import Estimates, Fitted, Learned, Model, Prompted, Responder
from p5rec.data.answers import NOTHING, Answers, ItemLists, Numbers, Replies, Texts
from p5rec.data.dataset import Dataset
from p5rec.data.index import Indexed
from p5rec.data.queries import Queries, Truth
from p5rec.data.ragged import Ragged
from p5rec.testing.making import FOLDERS, every, fitted, ranker, setting
from p5rec.testing.sample import poisoned, sample

K = 5


def build(plug: type[Responder], dataset: Dataset, held: tuple[Queries, Truth] | None = None) -> Any:
    """A responder, fitted on validation where it can."""
    made = bare(plug, dataset)
    if isinstance(made, Learned):
        made.learn(*dataset.folded().held_out("valid"))
    if isinstance(made, Fitted):
        made.fit(*(held or dataset.held_out("valid")))
    return made


def bare(plug: type[Responder], dataset: Dataset) -> Any:
    """A responder that is not fitted, over what its constructor wants: a model, two rankers, or one."""
    config = plug.Config()
    if "Replies" in str(plug.__call__.__annotations__.get("return")):
        return plug(config, _answering(dataset), dataset)  # type: ignore[call-arg]
    if "Model]" in str(plug.__init__.__annotations__.get("inner")):
        return plug(config, {"model": _model(plug, dataset)}, dataset)  # type: ignore[call-arg]
    rankers = {name: ranker(name, dataset) for name in ("itemknn", "popular")}
    try:
        made = plug(config, rankers, dataset)  # type: ignore[call-arg]
    except ValueError:  # it wraps a single one
        one = "mf" if issubclass(plug, Indexed) else "itemknn"
        made = plug(config, {one: ranker(one, dataset)}, dataset)  # type: ignore[call-arg]
    if isinstance(made, Indexed):
        index = FOLDERS["index"].load("exact")
        made.index = index(index.Config())
    return made


def _answering(dataset: Dataset) -> dict[str, Any]:
    """A model that answers prompts, and its ranking."""
    able = next(model for _, model in every("model") if issubclass(model, Prompted))
    model = fitted(able, dataset, setting(dataset))
    scorer = FOLDERS["responder"].load("scorer")
    return {"model": model, "ranker": scorer(scorer.Config(), {"model": model}, dataset)}


def _model(plug: type[Responder], dataset: Dataset) -> Model:
    """A model for it: one that estimates where the answers are numbers."""
    plain = FOLDERS["model"].load("itemknn")
    able = [model for _, model in every("model") if issubclass(model, Estimates)]
    numbers = "Numbers" in str(plug.__call__.__annotations__.get("return"))
    chosen = able[0] if numbers and able else plain
    made: Model = fitted(chosen, dataset, setting(dataset))
    return made


def queries_of(dataset: Dataset) -> Queries:
    """The held-out queries and one of a stranger without a history."""
    queries, _ = dataset.held_out("test")
    return queries


def candidates_for(queries: Queries, dataset: Dataset, count: int = 8) -> Queries:
    """The same queries, each with candidates of its own; every third has two only."""
    rng = np.random.default_rng(0)
    rows = [rng.permutation(dataset.n_items)[: 2 if row % 3 == 0 else count] for row in range(len(queries))]
    return replace(queries, candidates=Ragged.of(rows))


def exactly_k(plug: type[Responder]) -> None:
    """k different items, best first, or fewer and the reason; never a pad among the items."""
    dataset = sample()
    responder = build(plug, dataset)
    for k in (1, K, dataset.n_items + 3):
        queries = queries_of(dataset)
        answers = responder(queries if not numbers(responder, dataset) else candidates_for(queries, dataset), k)
        if not isinstance(answers, ItemLists):
            assert len(answers) == len(queries)
            return
        _well_formed(answers, dataset, len(queries), k)


def _well_formed(answers: ItemLists, dataset: Dataset, count: int, k: int) -> None:
    assert answers.items.shape == answers.scores.shape
    assert len(answers) == count
    for row in range(count):
        found = answers.items[row][answers.items[row] != NOTHING]
        assert np.array_equal(answers.items[row][: len(found)], found), "pads stand behind the items"
        assert len(set(found.tolist())) == len(found), "an item stands twice in a list"
        assert ((found >= 0) & (found < dataset.n_items)).all()
        assert (np.diff(answers.scores[row][: len(found)]) <= 0).all(), "best first"
        assert len(found) <= k
        if len(found) < k:
            assert answers.short.get(row), f"{len(found)} of {k} items and no reason"
        else:
            assert row not in answers.short, "a full list and a reason why it is short"


def candidates_and_exclusions_are_kept(plug: type[Responder]) -> None:
    """Only candidates are answered, and nothing that is excluded."""
    dataset = sample()
    responder = build(plug, dataset)
    if numbers(responder, dataset):
        return
    queries = candidates_for(queries_of(dataset), dataset)
    assert queries.candidates is not None
    excluded = Ragged.of([row[:1] for row in queries.candidates])
    for asked in (queries, replace(queries, excluded=excluded), replace(queries, candidates=None, excluded=excluded)):
        answers = responder(asked, K)
        _well_formed(answers, dataset, len(asked), K)
        for row, found in enumerate(answers.items):
            given = set(found[found != NOTHING].tolist())
            assert asked.candidates is None or given <= set(asked.candidates[row].tolist())
            assert asked.excluded is None or not given & set(asked.excluded[row].tolist())


def batch_is_one_by_one(plug: type[Responder]) -> None:
    """Same law: each query is answered alike alone, and in any order."""
    dataset = sample()
    responder = build(plug, dataset)
    queries = candidates_for(queries_of(dataset), dataset) if numbers(responder, dataset) else queries_of(dataset)
    order = np.random.default_rng(1).permutation(len(queries))
    together, mixed = responder(queries, K), responder(queries.rows(order), K)
    for place, row in enumerate(order):
        _same_row(mixed, int(place), together, int(row))
    for row in range(0, len(queries), 7):
        _same_row(responder(queries.rows(np.array([row])), K), 0, together, row)


def _same_row(first: Answers, one: int, second: Answers, other: int) -> None:
    """Assert that two answered rows agree: equal texts, numbers to 1e-4, lists up to the order of ties."""
    if isinstance(first, Texts) and isinstance(second, Texts):
        assert first.values[one] == second.values[other]
        return
    if isinstance(first, Numbers) and isinstance(second, Numbers):
        width = min(first.values.shape[1], second.values.shape[1])
        np.testing.assert_allclose(first.values[one, :width], second.values[other, :width], rtol=1e-4, atol=1e-4)
        return
    if isinstance(first, Replies) and isinstance(second, Replies):
        assert first.kinds[one] == second.kinds[other]
        np.testing.assert_allclose(first.numbers[one], second.numbers[other], rtol=1e-4, atol=1e-4)
        _same_row(first.texts, one, second.texts, other)
        _same_row(first.items, one, second.items, other)
        return
    assert isinstance(first, ItemLists)
    assert isinstance(second, ItemLists)
    np.testing.assert_allclose(first.scores[one], second.scores[other], rtol=1e-4, atol=1e-4)
    last = first.scores[one][first.items[one] != NOTHING].min(initial=np.inf)
    clear = [first.scores[one] > last + 1e-4, second.scores[other] > last + 1e-4]
    assert set(first.items[one][clear[0]]) == set(second.items[other][clear[1]])
    assert (one in first.short) == (other in second.short)


def all_scores_agree_with_the_list(plug: type[Responder]) -> None:
    """``k=None`` scores all candidates, in catalogue or candidate order; its best k are the list of ``k``."""
    dataset = sample()
    responder = build(plug, dataset)
    if numbers(responder, dataset):
        return
    plain = queries_of(dataset)
    for queries in (plain, candidates_for(plain, dataset)):
        full, best = responder(queries, None), responder(queries, K)
        if queries.candidates is None:
            assert full.scores.shape == (len(queries), dataset.n_items)
            assert np.array_equal(full.items[0], np.arange(dataset.n_items))
        else:
            assert np.array_equal(full.items, queries.candidates.padded(NOTHING))
        assert not np.isnan(full.scores).any()
        for row in range(len(queries)):
            offered = np.sort(full.scores[row][~np.isneginf(full.scores[row])])[::-1][:K]
            found = best.scores[row][best.items[row] != NOTHING]
            np.testing.assert_allclose(found, offered, rtol=1e-4, atol=1e-4)


def knows_no_held_out_row(plug: type[Responder]) -> None:
    """Leak law: built on data with other held-out rows, it answers the same queries the same."""
    clean = sample()
    asked = clean.held_out("valid")
    responders = [build(plug, dataset, asked) for dataset in (clean, poisoned(clean))]
    queries = queries_of(clean)
    if numbers(responders[0], clean):
        queries = candidates_for(queries, clean)
    first, second = (responder(queries, K) for responder in responders)
    for row in range(len(queries)):
        _same_row(first, row, second, row)


def fitted_weights_are_plain(plug: type[Responder]) -> None:
    """Fitted: at most twenty scalars, plain JSON, and one that was never fitted answers the same once it has them."""
    dataset = sample()
    responder = build(plug, dataset)
    if not isinstance(responder, Fitted):
        return
    learned = json.loads(json.dumps(responder.learned()))
    assert 0 < scalars(learned) <= 20, "validation may choose at most twenty scalars"
    other = bare(plug, dataset)
    if isinstance(responder, Learned):
        other.text = responder.text
    other.restore(learned)
    queries = queries_of(dataset)
    first, second = other(queries, K), responder(queries, K)
    for row in range(len(queries)):
        _same_row(first, row, second, row)


def scalars(value: Any) -> int:
    """Numbers in a tree of plain values."""
    if isinstance(value, Mapping):
        return sum(map(scalars, value.values()))
    if isinstance(value, list):
        return sum(map(scalars, value))
    return int(isinstance(value, int | float))


def numbers(responder: Responder, dataset: Dataset) -> bool:
    """Whether it answers with numbers or texts rather than lists."""
    queries = candidates_for(queries_of(dataset).rows(slice(0, 2)), dataset)
    return not isinstance(responder(queries, None), ItemLists)


CHECKS = (
    exactly_k,
    candidates_and_exclusions_are_kept,
    batch_is_one_by_one,
    all_scores_agree_with_the_list,
    knows_no_held_out_row,
    fitted_weights_are_plain,
)
