"""One responder, its queries, what was right: measured, with the statistics of each query kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from p5rec.contracts import Metric, Responder
from p5rec.core.errors import InputError
from p5rec.core.progress import track
from p5rec.data.answers import NOTHING, Answers, ItemLists, Numbers, Texts
from p5rec.data.queries import Queries, Truth
from p5rec.data.ragged import Ragged
from p5rec.evaluation.places import distinct
from p5rec.evaluation.ranking import rank

DEPTH = 10  # list length where no metric asks for more


@dataclass(frozen=True)
class Measured:
    """What one responder did on Q queries.

    Attributes:
        metrics: name as in the report (``recall@10``) → the metric.
        stats: name → (Q, S) statistics of each query.
        values: name → the number of the table.
        truth: what was right, with ranks where items were ranked.
        lists: (Q, depth) the items answered, best first; None where only numbers or texts were judged.
        seconds: wall time of answering and ranking, without the metrics' own.
    """

    metrics: Mapping[str, Metric]
    stats: Mapping[str, np.ndarray]
    values: dict[str, float]
    truth: Truth
    lists: ItemLists | None
    seconds: float

    @property
    def queries(self) -> int:
        """Number of queries, Q."""
        return len(self.truth)


def evaluate(
    responder: Responder,
    queries: Queries,
    truth: Truth,
    metrics: Mapping[str, Metric],
    *,
    chunk: int = 512,
    title: str = "",
) -> Measured:
    """Ask a responder all queries and judge its answers.

    Metrics of item lists rank the full catalogue (or each query's candidates), ties against the model, each true
    item of a query counted once. Metrics of numbers are asked for the true (user, item) pairs, which stand as the
    candidates of each query. Metrics of texts compare with ``truth.texts``.

    Args:
        responder: answers `ItemLists`, `Numbers` or `Texts` for ``k=None``.
        queries: Q queries.
        truth: what was right for them.
        metrics: name in the report → metric.
        chunk: queries asked at once.
        title: of the progress bar.

    Raises:
        InputError: there are no queries or metrics, a score is NaN, or an answer is of a type no metric judges.
    """
    _refuse_empty(queries, truth, metrics)
    kinds = {metric.judges for metric in metrics.values()}
    if unknown := kinds - {ItemLists, Numbers, Texts}:
        raise InputError(f"metrics judge ItemLists, Numbers or Texts, not {sorted(k.__name__ for k in unknown)}")
    parts = [_judge(kind, responder, queries, truth, metrics, chunk, title) for kind in _in_order(kinds)]
    stats = {name: part.stats[name] for name in metrics for part in parts if name in part.stats}
    return replace(
        parts[0],
        metrics=dict(metrics),
        stats=stats,
        values={name: metrics[name].reduce(stats[name]) for name in metrics},
        seconds=sum(part.seconds for part in parts),
    )


def judge(answers: Answers, truth: Truth, metrics: Mapping[str, Metric]) -> Measured:
    """Judge answers that are there already (a baseline's texts or numbers), as `evaluate` does.

    Args:
        answers: of all Q queries.
        truth: what was right for them.
        metrics: name in the report → metric of this type of answers.

    Raises:
        InputError: there are no queries or metrics, or a metric judges another type of answers.
    """
    return evaluate(lambda queries, k: answers, _bare(truth), truth, metrics, chunk=max(len(truth), 1))  # type: ignore[arg-type]


def _bare(truth: Truth) -> Queries:
    """Queries of which only their number is known."""
    return Queries.of([[]] * len(truth))


def _refuse_empty(queries: Queries, truth: Truth, metrics: Mapping[str, Metric]) -> None:
    faults = []
    if not len(queries):
        faults.append(
            "there are no queries to evaluate: no user has a held-out event in this part; choose another split"
        )
    if len(queries) != len(truth):
        faults.append(f"{len(queries)} queries came with the truth of {len(truth)}; both must be of the same rows")
    if not metrics:
        faults.append("there are no metrics to evaluate; name at least one")
    if faults:
        raise InputError(faults)


def _in_order(kinds: set[type]) -> list[type]:
    return [kind for kind in (ItemLists, Numbers, Texts) if kind in kinds]


def _judge(
    kind: type,
    responder: Responder,
    queries: Queries,
    truth: Truth,
    metrics: Mapping[str, Metric],
    chunk: int,
    title: str,
) -> Measured:
    """All metrics of one type of answers."""
    chosen = {name: metric for name, metric in metrics.items() if metric.judges is kind}
    if kind is ItemLists:
        truth, depth = distinct(truth), max((_depth(metric) for metric in chosen.values()), default=DEPTH)
    elif kind is Numbers:
        queries, depth = _pairs(queries, truth), 0
    else:
        depth = 0
    stats: dict[str, list[np.ndarray]] = {name: [] for name in chosen}
    ranked: list[tuple[ItemLists, Truth]] = []
    seconds = 0.0
    for rows in _chunks(len(queries), chunk, title):
        start = time.perf_counter()
        answers: Answers = responder(queries.rows(rows), None)
        part = truth.rows(rows)
        _refuse_type(answers, kind, chosen)
        if isinstance(answers, ItemLists):
            answers, part = rank(answers, part, depth)
            ranked.append((answers, part))
        seconds += time.perf_counter() - start
        for name, metric in chosen.items():
            stats[name].append(metric.measure(answers, part))
    whole = {name: stacked(parts) for name, parts in stats.items()}
    lists, truth = _joined(ranked, truth)
    return Measured(chosen, whole, {}, truth, lists, seconds)


def stacked(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Statistics one below the other; metrics may have rows of different widths, NaN fills the shorter ones."""
    width = max(part.shape[1] for part in parts)
    return np.concatenate([part if part.shape[1] == width else _wide(part, width, np.nan) for part in parts])


def _chunks(count: int, size: int, title: str) -> Iterator[slice]:
    starts = range(0, count, size)
    for start in track(starts, title or "evaluate", total=len(starts)):
        yield slice(start, min(start + size, count))


def _depth(metric: Any) -> int:
    return getattr(getattr(metric, "config", None), "k", None) or DEPTH


def _pairs(queries: Queries, truth: Truth) -> Queries:
    """The queries with their true items as candidates."""
    given = queries.candidates
    if given is not None and not _same(given, truth.items):
        raise InputError(
            "numbers are judged on the true (user, item) pairs, but the queries carry other candidates; "
            "leave the candidates out or give the true items in the same order"
        )
    return replace(queries, candidates=truth.items)


def _same(first: Ragged, second: Ragged) -> bool:
    return np.array_equal(first.lengths, second.lengths) and np.array_equal(first.flat()[1], second.flat()[1])


def _refuse_type(answers: Any, kind: type, metrics: Mapping[str, Metric]) -> None:
    if not isinstance(answers, kind):
        raise InputError(
            f"the metrics {', '.join(metrics)} judge {kind.__name__}, but the responder answered "
            f"{type(answers).__name__}; choose metrics that judge {type(answers).__name__}"
        )


def _joined(ranked: list[tuple[ItemLists, Truth]], truth: Truth) -> tuple[ItemLists | None, Truth]:
    """Lists and ranks of all chunks, one below the other."""
    if not ranked:
        return None, truth
    width = max(lists.items.shape[1] for lists, _ in ranked)
    items = [_wide(lists.items, width, NOTHING) for lists, _ in ranked]
    scores = [_wide(lists.scores, width, -np.inf) for lists, _ in ranked]
    values = np.concatenate([part.ranks.values for _, part in ranked if part.ranks is not None])
    counts = np.concatenate([part.ranked for _, part in ranked if part.ranked is not None])
    stops = np.cumsum(truth.items.lengths)
    ranks = Ragged(values, stops - truth.items.lengths, stops)
    return ItemLists(np.concatenate(items), np.concatenate(scores)), replace(truth, ranks=ranks, ranked=counts)


def _wide(values: np.ndarray, width: int, fill: float) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, width - values.shape[1])), constant_values=fill)
