"""What every metric promises: bounds, the right end of the scale, and statistics that belong to their query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from p5rec.contracts import Metric, Responder
from p5rec.data.answers import Answers, ItemLists, Numbers, Texts
from p5rec.data.dataset import Dataset
from p5rec.data.queries import Queries, Truth
from p5rec.evaluation.evaluate import Measured, evaluate
from p5rec.testing.sample import poisoned, sample

WORDS = 8  # of a reference text


class Told(Responder):
    """Answers with scores, numbers or texts that are made for each user alone, so that a query has one answer."""

    def __init__(
        self,
        judges: type,
        items: int,
        make: Callable[[int, np.ndarray], np.ndarray],
        texts: Mapping[int, str] | None = None,
    ) -> None:
        self.judges, self.items, self.make, self.texts = judges, items, make, texts or {}

    def __call__(self, queries: Queries, k: int | None) -> Answers:
        """Scores of the whole catalogue (Q, V), numbers of the candidates (Q, C), or texts (Q)."""
        every = np.arange(self.items)
        if self.judges is Texts:
            return Texts(tuple(self._said(int(user)) for user in queries.users))
        if self.judges is Numbers:
            assert queries.candidates is not None
            padded = queries.candidates.padded(0)
            rows = [self.make(int(user), row) for user, row in zip(queries.users, padded, strict=True)]
            return Numbers(np.array(rows, dtype=np.float32))
        scores = np.array([self.make(int(user), every) for user in queries.users], dtype=np.float32)
        return ItemLists(np.tile(every, (len(queries), 1)), scores)

    def _said(self, user: int) -> str:
        """The right words of a user where the score of their place is high, others elsewhere."""
        kept = self.make(user, np.arange(WORDS)) > 0.5
        right = self.texts[user].split()
        return " ".join(word if keep else f"no{word}" for word, keep in zip(right, kept, strict=True))


class Exam:
    """A metric, the queries of the sample and what was right (labels 0 or 1, so that every metric can judge)."""

    def __init__(self, plug: type[Metric]) -> None:
        self.dataset = sample()
        self.plug = plug
        self.metric: Metric = plug(plug.Config(), self.dataset)  # type: ignore[call-arg]
        self.queries, self.truth = asked(self.dataset)
        self.right = dict(zip(self.queries.users.tolist(), self.truth.items, strict=True))
        self.labels = dict(zip(self.queries.users.tolist(), self.truth.labels, strict=True))
        self.texts = dict(zip(self.queries.users.tolist(), self.truth.texts or (), strict=True))

    def measure(self, make: Callable[[int, np.ndarray], np.ndarray], chunk: int = 512) -> Measured:
        """Judge answers that are made user by user."""
        told = Told(self.plug.judges, self.dataset.n_items, make, self.texts)
        return evaluate(told, self.queries, self.truth, {"it": self.metric}, chunk=chunk)

    def perfect(self, user: int, items: np.ndarray) -> np.ndarray:
        """The labels themselves; all words; or the true items first."""
        if self.plug.judges is Texts:
            return np.ones(items.shape)
        if self.plug.judges is Numbers:
            return np.resize(np.clip(self.labels[user], 1e-6, 1 - 1e-6), items.shape)
        return np.isin(items, self.right[user]) + 0.001 * _noise(user, items)

    def worst(self, user: int, items: np.ndarray) -> np.ndarray:
        """The opposite."""
        return 1 - self.perfect(user, items)

    def chance(self, user: int, items: np.ndarray) -> np.ndarray:
        """Any."""
        return _noise(user, items)


def asked(dataset: Dataset) -> tuple[Queries, Truth]:
    """Known users only, each once, with labels 0 or 1 that depend on the item, and a text."""
    queries, truth = dataset.held_out("test")
    rows = np.flatnonzero(queries.users >= 0)
    queries, truth = queries.rows(rows), truth.rows(rows)
    labels = (truth.items.values % 2).astype(np.float32)
    texts = tuple(_text(int(user)) for user in queries.users)
    return queries, replace(truth, labels=replace(truth.items, values=labels), texts=texts)


def _text(user: int) -> str:
    """Words of one user's own and words of all."""
    return " ".join(f"w{user * (place % 2)}x{place}" for place in range(WORDS))


def _noise(user: int, items: np.ndarray) -> np.ndarray:
    """In 0 … 1, for each pair."""
    return np.modf(np.sin(user * 12.9898 + items * 78.233) * 43758.5453)[0] % 1


def perfect_beats_chance_beats_worst(plug: type[Metric]) -> None:
    """The right end of the scale is that of the right answer."""
    exam = Exam(plug)
    perfect, chance, worst = (exam.measure(make).values["it"] for make in (exam.perfect, exam.chance, exam.worst))
    assert np.isfinite([perfect, chance, worst]).all()
    if plug.higher is None or not _judges_truth(exam):
        return
    if plug.higher:
        assert perfect > chance > worst or (perfect >= chance > worst) or (perfect > chance >= worst)
    else:
        assert perfect < chance < worst


def _judges_truth(exam: Exam) -> bool:
    """Whether it looks at what was right: novelty, coverage … judge the lists alone."""
    back = np.arange(len(exam.truth))[::-1]
    other = replace(exam.truth, items=exam.truth.items.rows(back), texts=(exam.truth.texts or ())[::-1])
    told = Told(exam.plug.judges, exam.dataset.n_items, exam.chance, exam.texts)
    values = [evaluate(told, exam.queries, truth, {"it": exam.metric}).stats["it"] for truth in (exam.truth, other)]
    return not np.array_equal(values[0], values[1], equal_nan=True)


def statistics_belong_to_their_query(plug: type[Metric]) -> None:
    """(Q, S) rows are the same in any chunk and order, so that the bootstrap may draw them."""
    exam = Exam(plug)
    whole, chunked = exam.measure(exam.chance), exam.measure(exam.chance, chunk=3)
    stats = whole.stats["it"]
    assert stats.ndim == 2
    assert len(stats) == len(exam.queries)
    np.testing.assert_allclose(chunked.stats["it"], stats, rtol=1e-6)
    order = np.random.default_rng(0).permutation(len(stats))
    assert exam.metric.reduce(stats[order]) == exam.metric.reduce(stats) or np.isclose(
        exam.metric.reduce(stats[order]), exam.metric.reduce(stats), rtol=1e-9
    )


def one_query_is_enough(plug: type[Metric]) -> None:
    """A single row reduces to a number, or says that it knows none; no rows at all raise nothing."""
    exam = Exam(plug)
    stats = exam.measure(exam.chance).stats["it"]
    assert isinstance(exam.metric.reduce(stats[:1]), float)
    value: Any = exam.metric.reduce(stats[:0])
    assert isinstance(value, float)


def statistics_know_no_held_out_row(plug: type[Metric]) -> None:
    """Leak law: what it knows of the data is of training rows; other held-out rows in the dataset, the same number."""
    exam = Exam(plug)
    before = exam.measure(exam.chance).values["it"]
    exam.metric = plug(plug.Config(), poisoned(exam.dataset))  # type: ignore[call-arg]
    assert exam.measure(exam.chance).values["it"] == before


CHECKS = (
    perfect_beats_chance_beats_worst,
    statistics_belong_to_their_query,
    one_query_is_enough,
    statistics_know_no_held_out_row,
)
