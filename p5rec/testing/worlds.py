"""Worlds: small data made by a known law, so that the best possible answer is known too.

A model names the worlds it masters in its ``claims``; the tests train it there through the real pipeline and
compare it with `World.best`. Ids are numbered by a seeded permutation, so nothing can be learned from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from p5rec.core import seed as seeds
from p5rec.data.dataset import Dataset
from p5rec.data.features import Column, Kind
from p5rec.data.queries import Queries
from p5rec.testing.sequences import category, from_sequences

__all__ = ["WORLDS", "World", "category", "from_sequences"]


@dataclass(frozen=True)
class World:
    """Data whose best possible answer is known.

    Attributes:
        dataset: the data.
        oracle: queries → (Q, V), the scores (or the expected labels) that the law itself would give.
        best: metric → what the oracle scores in expectation, computed from the law, not from the draw.
        blind: metric → what the best answer scores that ignores what this world is about.
        reach: share of the way from `blind` to `best` that a model which claims the world must go.
        modalities: what an item tower needs here.
        fusion: what makes one vector of them.
        seen: whether an item of the history may be right again.
    """

    dataset: Dataset
    oracle: Callable[[Queries], np.ndarray]
    best: Mapping[str, float]
    blind: Mapping[str, float]
    reach: float = 0.9
    modalities: tuple[str, ...] = ("id",)
    fusion: str = "sum"
    seen: bool = True

    def floor(self, metric: str) -> float:
        """The score that must be reached (for errors: kept below)."""
        return self.blind[metric] + self.reach * (self.best[metric] - self.blind[metric])


def popularity(seed: int = 0, users: int = 600, items: int = 60, length: int = 12) -> World:
    """Every event is drawn from one skewed distribution: the most popular items are the best answer."""
    rng = seeds.rng(seed, "popularity")
    shares = 1 / np.arange(1, items + 1)
    shares /= shares.sum()
    drawn = rng.choice(items, size=(users, length), p=shares)
    dataset = from_sequences(_named(drawn), items=_names(items), seed=seed)
    scores = shares[_outside(dataset)]
    best = {"ndcg@10": _discounted(np.sort(shares)[::-1]), "recall@10": float(shares[:10].sum())}
    blind = {"ndcg@10": _discounted(np.full(items, 1 / items)), "recall@10": 10 / items}
    return World(dataset, lambda queries: np.tile(scores, (len(queries), 1)), best, blind)


def checkerboard(seed: int = 0, users: int = 300, colours: int = 4, each: int = 14, length: int = 9) -> World:
    """A user likes the items of one colour, each once, in any order: what is left of the colour is the best answer."""
    rng = seeds.rng(seed, "checkerboard")
    colour = rng.integers(colours, size=users)
    drawn = np.stack([own * each + rng.permutation(each)[:length] for own in colour])
    dataset = from_sequences(_named(drawn), items=_names(colours * each), seed=seed)
    paint = _outside(dataset) // each

    def oracle(queries: Queries) -> np.ndarray:
        first = np.array([row[0] for row in queries.history])
        return (paint[first][:, None] == paint[None, :]).astype(np.float32)

    left, all_left = each - length + 1, colours * each - length + 1
    best = {"recall@5": min(5 / left, 1.0), f"recall@{left}": 1.0}
    blind = {"recall@5": 5 / all_left, f"recall@{left}": left / all_left}
    return World(dataset, oracle, best, blind, seen=False)


def markov(seed: int = 0, users: int = 600, items: int = 40, length: int = 12) -> World:
    """The next item depends on the last one only, by a known matrix: its rows, sorted, are the best ranking."""
    rng = seeds.rng(seed, "markov")
    matrix = np.stack([_jumps(rng, items) for _ in range(items)])
    drawn = np.empty((users, length), dtype=np.int64)
    drawn[:, 0] = rng.integers(items, size=users)
    for step in range(1, length):
        drawn[:, step] = [rng.choice(items, p=matrix[last]) for last in drawn[:, step - 1]]
    dataset = from_sequences(_named(drawn), items=_names(items), seed=seed)
    outside = _outside(dataset)
    inside = matrix[outside][:, outside]
    visits = np.linalg.matrix_power(matrix, length - 2).mean(0)  # where the last known item stands at test time
    ordered = -np.sort(-matrix, axis=1)
    best = {
        "ndcg@10": float(visits @ [_discounted(row) for row in ordered]),
        "rank": float(visits @ (ordered @ np.arange(1, items + 1))),
    }
    flat = np.sort(visits @ matrix)[::-1]
    blind = {"ndcg@10": _discounted(flat), "rank": float(flat @ np.arange(1, items + 1))}
    return World(dataset, lambda queries: inside[[row[-1] for row in queries.history]], best, blind, reach=0.85)


def category_decides(seed: int = 0, users: int = 500, groups: int = 6, each: int = 10, fresh: int = 3) -> World:
    """The next item's category follows from the last one's; which item of it, is chance.

    The last `fresh` items of each category occur in held-out events only, so that just their category tells where
    they belong: who ranks the whole category first has recall 1 at its size.
    """
    length, rng = 10, seeds.rng(seed, "category")
    cycle = rng.permutation(groups)
    after = np.roll(cycle, -1)[np.argsort(cycle)]
    group = rng.integers(groups, size=users)
    drawn = np.empty((users, length), dtype=np.int64)
    for step in range(length):
        choice = rng.integers(each if step >= length - 2 else each - fresh, size=users)
        drawn[:, step], group = group * each + choice, after[group]
    kind = {_name(item): f"group {item // each}" for item in range(groups * each)}
    plain = from_sequences(_named(drawn), items=list(kind), seed=seed)
    columns = {"category": category(plain.items, kind)}
    dataset = from_sequences(_named(drawn), items=list(kind), item_columns=columns, seed=seed)
    of = _outside(dataset) // each

    def oracle(queries: Queries) -> np.ndarray:
        last = np.array([row[-1] for row in queries.history])
        return (after[of[last]][:, None] == of[None, :]).astype(np.float32)

    best = {f"recall@{each}": 1.0}
    lucky = fresh / (groups * each - (each - fresh))  # ids alone tell the known items of the category, not the fresh
    blind = {f"recall@{each}": (each - fresh + fresh * lucky) / each}
    return World(dataset, oracle, best, blind, reach=0.7, modalities=("id", "category"))


def likeness(
    seed: int = 0, users: int = 300, groups: int = 5, each: int = 14, fresh: int = 4, length: int = 7
) -> World:
    """A user takes items of one category, each once, in any order; what is left of the category is the best answer.

    The last `fresh` items of each category occur in held-out events only: their category alone tells who takes them.
    """
    rng, known = seeds.rng(seed, "likeness"), each - fresh
    drawn = []
    for own in rng.integers(groups, size=users):
        first = rng.permutation(known)[: length - 2]
        last = rng.permutation(np.setdiff1d(np.arange(each), first))[:2]
        drawn.append(own * each + np.r_[first, last])
    kind = {_name(item): f"group {item // each}" for item in range(groups * each)}
    plain = from_sequences(_named(np.stack(drawn)), items=list(kind), seed=seed)
    columns = {"category": category(plain.items, kind)}
    dataset = from_sequences(_named(np.stack(drawn)), items=list(kind), item_columns=columns, seed=seed)
    of = _outside(dataset) // each

    def oracle(queries: Queries) -> np.ndarray:
        first = np.array([row[0] for row in queries.history])
        return (of[first][:, None] == of[None, :]).astype(np.float32)

    left, new = each - length + 1, fresh / (each - length + 2)  # new: share of held-out events
    lucky = (left - left * (1 - new)) / (
        groups * fresh
    )  # ids alone tell the known items of the category, not the fresh
    return World(
        dataset,
        oracle,
        {f"recall@{left}": 1.0},
        {f"recall@{left}": 1 - new + new * lucky},
        modalities=("id", "category"),
        seen=False,
    )


def intent(seed: int = 0, users: int = 400, items: int = 16, pairs: int = 5, care: float = 0.85) -> World:
    """Views and purchases take turns; what was viewed last tells what is bought next, among items nobody views.

    Only purchases are asked for. A view is chance; a purchase is the partner of the view with the probability
    `care`, else chance.
    """
    rng = seeds.rng(seed, "intent")
    partner = items + rng.permutation(items)
    viewed = rng.integers(items, size=(users, pairs))
    bought = np.where(rng.random(viewed.shape) < care, partner[viewed], items + rng.integers(items, size=viewed.shape))
    drawn = np.stack([viewed, bought], axis=2).reshape(users, -1)
    turns = dict.fromkeys(_keys(users), [0, 1] * pairs)
    names = _names(2 * items)
    dataset = from_sequences(_named(drawn), items=names, kinds=turns, kind_names=("view", "buy"), target=1, seed=seed)
    outside = _outside(dataset)

    def oracle(queries: Queries) -> np.ndarray:
        wanted = partner[outside[[row[-1] for row in queries.history]]]
        return (wanted[:, None] == outside[None, :]) + 0.5 * (outside >= items)[None, :]

    sure = care + (1 - care) / items
    best = {"recall@1": sure, "recall@5": sure + 4 * (1 - care) / items}
    return World(dataset, oracle, best, {"recall@1": 1 / items, "recall@5": 5 / items})


def ratings(seed: int = 0, users: int = 250, items: int = 60, length: int = 32, noise: float = 0.4) -> World:
    """label = mean + bias of the user + bias of the item + product of two factors + noise: the noise is the best RMSE.

    `blind` knows the mean and both biases exactly, but no factor.
    """
    rng = seeds.rng(seed, "ratings")
    bias, worth = rng.normal(0, 0.5, users), rng.normal(0, 0.5, items)
    taste, style = rng.choice([-1.0, 1.0], users), rng.choice([-1.0, 1.0], items)
    expected = 3 + bias[:, None] + worth[None, :] + 0.6 * taste[:, None] * style[None, :]
    drawn = np.stack([rng.permutation(items)[:length] for _ in range(users)])
    labels = np.take_along_axis(expected, drawn, axis=1) + rng.normal(0, noise, drawn.shape)
    dataset = from_sequences(
        _named(drawn), held_out=3, items=_names(items), labels=dict(zip(_keys(users), labels, strict=True)), seed=seed
    )
    row = np.array([int(key[1:]) for key in dataset.users.all().to_pylist()])
    inside = expected[row][:, _outside(dataset)]
    best, blind = {"rmse": noise}, {"rmse": float(np.hypot(noise, 0.6))}
    return World(dataset, lambda queries: inside[queries.users], best, blind, reach=0.5)


def words_decide(seed: int = 0, users: int = 300, values: int = 16, length: int = 6, noise: float = 0.3) -> World:
    """label = mean + the worth of each of three words of the item + noise: the noise is the best RMSE.

    Hardly an item occurs twice, and nothing else than its words tells of it; `blind` knows the mean exactly.
    """
    rng, items = seeds.rng(seed, "words decide"), users * length
    vocabulary = [f"{one}{other}" for one in "bdkl" for other in ("amo", "eru", "isi", "ova")][:values]
    worth = np.linspace(-1, 1, values)[rng.permutation(values)]
    told = rng.integers(values, size=(items, 3))
    expected = 3 + worth[told].sum(1)
    drawn = rng.integers(items, size=(users, length))
    labels = expected[drawn] + rng.normal(0, noise, drawn.shape)
    sequences, names, given = _named(drawn), _names(items), dict(zip(_keys(users), labels, strict=True))
    plain = from_sequences(sequences, items=names, seed=seed)
    titles = np.array([" ".join(vocabulary[word] for word in told[item]) for item in _outside(plain)], dtype=object)
    columns = {"title": Column(Kind.TEXT, titles)}
    dataset = from_sequences(sequences, items=names, labels=given, item_columns=columns, seed=seed)
    inside = expected[_outside(dataset)]
    best, blind = {"rmse": noise}, {"rmse": float(np.sqrt(noise**2 + 3 * (worth**2).mean()))}
    return World(dataset, lambda queries: np.tile(inside, (len(queries), 1)), best, blind, 0.8, ("text",))


WORLDS: dict[str, Callable[..., World]] = {
    make.__name__: make
    for make in (popularity, checkerboard, markov, category_decides, likeness, intent, ratings, words_decide)
}


def _jumps(rng: np.random.Generator, items: int) -> np.ndarray:
    """(V,) one row of a transition matrix: three likely items, and a little chance of any other."""
    row = np.full(items, 0.1 / items)
    row[rng.permutation(items)[:3]] += [0.6, 0.2, 0.1]
    return row / row.sum()


def _discounted(shares: np.ndarray, k: int = 10) -> float:
    """Expected NDCG@k of one right answer whose place n has the probability ``shares[n]``."""
    return float((shares[:k] / np.log2(np.arange(len(shares[:k])) + 2)).sum())


def _name(item: int) -> str:
    return f"i{item:04d}"


def _names(count: int) -> list[str]:
    return [_name(item) for item in range(count)]


def _keys(count: int) -> list[str]:
    return [f"u{user:04d}" for user in range(count)]


def _named(drawn: np.ndarray) -> dict[str, list[str]]:
    return {key: [_name(item) for item in row] for key, row in zip(_keys(len(drawn)), drawn, strict=True)}


def _outside(dataset: Dataset) -> np.ndarray:
    """(V,) the item of the law behind each inside number."""
    return np.array([int(key[1:]) for key in dataset.items.all().to_pylist()])
