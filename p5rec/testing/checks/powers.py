"""What a model promises by each of its powers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from p5rec.blocks.sharing import sharing
from p5rec.collate import collate
from p5rec.contracts import Bound, Estimates, Factored, Grows, Model, Solved, Speaks
from p5rec.testing.checks.models import CLOSE, Bench, close
from p5rec.testing.making import fresh, larger, towers
from p5rec.testing.sample import poisoned, sample


def factored_scores_are_dot_products(plug: type[Factored]) -> None:
    """score = vectors · catalogue, and the catalogue can be asked for in any shape."""
    bench = Bench.of(plug)
    stream = bench.asked(bench.queries)
    model = bench.model
    assert isinstance(model, Factored)
    items = torch.randint(bench.dataset.n_items, (4, 3), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        vectors, catalogue = model.vectors(model.encode(stream)), model.catalogue()
        assert vectors.shape == (len(stream), 1, catalogue.shape[1])
        assert catalogue.shape[0] == bench.dataset.n_items
        close(vectors @ catalogue.T, bench.scores(stream), "vectors times catalogue")
        close(model.catalogue(items), catalogue[items], "catalogue of some items")


def grown_models_keep_their_scores(plug: type[Grows]) -> None:
    """With new items and users, old items keep their scores; new ones have some; the grown model can be saved."""
    bench = Bench.of(plug)
    stream = bench.asked(bench.queries)
    before = bench.scores(stream)
    model = bench.model
    assert isinstance(model, Grows)
    items, users = larger(bench.made_for.items, 3), larger(bench.made_for.users, 2)
    grown = type(bench.made_for)(
        items=items,
        users=users,
        item_tower=towers(items, ("id", "category"), "sum"),
        user_tower=towers(users, ("id", "category"), "sum"),
        words=bench.made_for.words,
        kinds=bench.made_for.kinds,
        target=bench.made_for.target,
    )
    apart = sharing(model)
    apart.grow(grown)
    close(bench.scores(stream), before, "while a copy that shares its memory grew")
    model.grow(grown)
    after = bench.scores(stream)
    close(bench.scores(stream, apart.eval()), after, "the copy that grew")
    assert after.shape[2] == bench.dataset.n_items + 3
    close(after[:, :, :-3], before, "old items")
    assert torch.isfinite(after).all()
    other = fresh(plug, grown, seed=9)
    other.load_state_dict(model.state_dict())
    other.eval()
    if isinstance(other, Bound):
        other.refresh()
    close(bench.scores(stream, other), after, "grown, saved and loaded")


def solved_from_training_rows(plug: type[Model]) -> None:
    """Leak law: other held-out rows, the same model."""
    first = Bench.of(plug)
    second = Bench.of(plug, poisoned(first.dataset))
    _same_state(first.model, second.model)


def bound_to_training_rows(plug: type[Bound]) -> None:
    """Leak law: other held-out rows, the same graph."""
    solved_from_training_rows(plug)


def _same_state(first: Model, second: Model) -> None:
    states = first.state_dict(), second.state_dict()
    assert states[0].keys() == states[1].keys()
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), f"{name} depends on held-out rows"


def estimates_in_every_shape(plug: type[Estimates]) -> None:
    """A finite number for each pair, the same in each shape and company."""
    bench = Bench.of(plug)
    stream = bench.asked(bench.queries)
    model, rows = bench.model, len(stream)
    assert isinstance(model, Estimates)
    items = torch.arange(6)
    with torch.inference_mode():
        state = model.encode(stream)
        flat = model.estimate(state, items)
        assert flat.shape == (rows, 1, 6)
        assert torch.isfinite(flat).all()
        close(model.estimate(state, items.expand(rows, 6)), flat, "items (B, C)")
        close(model.estimate(state, items.expand(rows, 1, 6)), flat, "items (B, A, C)")
        one = stream.rows(slice(0, 1))
        close(model.estimate(model.encode(one), items), flat[:1], "alone")


def speaks_as_it_scores(plug: type[Speaks]) -> None:
    """Word logits at asks; greedy words are the same twice, alone and in a batch, and no longer than the limit."""
    bench = Bench.of(plug)
    stream = bench.asked(bench.queries)
    model = bench.model
    assert isinstance(model, Speaks)
    with torch.inference_mode():
        assert torch.isfinite(model.words(model.encode(stream))).all()
        words, lengths = model.generate(stream, 5)
        again, _ = model.generate(stream, 5)
        alone, length = model.generate(stream.rows(slice(0, 1)), 5)
    assert words.shape[1] <= 5
    assert torch.equal(words, again)
    assert ((lengths >= 0) & (lengths <= words.shape[1])).all()
    assert alone[0, : int(length[0])].tolist() == words[0, : int(lengths[0])].tolist()


def ids_are_only_names(plug: type[Model]) -> None:
    """Leak law: with other ids (and so other numbers) a solved model says the same of the same things.

    One that starts from random numbers may differ as it does between two seeds, and no more.
    """
    first = Bench.of(plug)
    second = Bench.of(plug, sample(name=lambda item: f"z{(item * 7) % 97:02d}"))
    seeded = Bench(plug, first.dataset, replace(first.made_for, seed=1))
    order = second.dataset.items.numbers([_renamed(key) for key in first.dataset.items.all().to_pylist()])
    assert not np.array_equal(order, np.arange(len(order)))
    own = _by_user(first)
    noise = _unlikeness(own, _by_user(seeded))
    assert _unlikeness(own, _by_user(second)[:, order]) <= 2 * noise + CLOSE, "ids change what is learned"


def _by_user(bench: Bench) -> np.ndarray:
    """(Q, V) scores in the order of the users' ids."""
    scores = bench.scores(bench.asked(bench.queries))[:, 0].numpy()
    return scores[np.argsort(bench.dataset.users.all().to_pylist())]  # all users of the sample are asked


def _unlikeness(first: np.ndarray, second: np.ndarray) -> float:
    """1 - the mean correlation of rows; of constant rows their difference."""
    rows = [
        1 - np.corrcoef(a, b)[0, 1] if a.std() and b.std() else np.abs(a - b).max()
        for a, b in zip(first, second, strict=True)
    ]
    return float(np.mean(rows))


def _renamed(key: str) -> str:
    return f"z{(int(key[1:]) * 7) % 97:02d}"


def asks_dense_as_alone(plug: type[Model]) -> None:
    """A causal model asked everywhere at once says the same as asked at each place alone, as serving asks."""
    bench = Bench.of(plug)
    queries = bench.queries.rows(np.flatnonzero(bench.queries.history.lengths >= 3))
    dense = collate(queries, 12, asks="every")
    scores = bench.scores(dense)
    for before in (0, 1, 2):
        items = queries.history.last(11)
        prefix = replace(items, stops=items.starts + before)
        side = {name: replace(prefix, values=column.values) for name, column in queries.side.items()}
        context = {name: column.values[prefix.stops] for name, column in side.items() if name != "label"}
        alone = bench.scores(collate(replace(queries, history=prefix, side=side, context=context)))
        close(scores[:, before], alone[:, 0], f"asked after {before} things")


BY_POWER: dict[Any, tuple[Callable[..., None], ...]] = {
    Factored: (factored_scores_are_dot_products,),
    Grows: (grown_models_keep_their_scores,),
    Solved: (solved_from_training_rows, ids_are_only_names),
    Bound: (bound_to_training_rows,),
    Estimates: (estimates_in_every_shape,),
    Speaks: (speaks_as_it_scores,),
}


def checks_of(plug: type[Model]) -> Iterator[Callable[..., None]]:
    """The checks of the powers a model has."""
    for power, checks in BY_POWER.items():
        if issubclass(plug, power):
            yield from checks
    if plug.causal:
        yield asks_dense_as_alone
