"""How sure a number is, and whether one model is better than another: bootstrap, paired tests, Holm's correction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from p5rec.contracts import Metric
from p5rec.core import seed as seeds
from p5rec.core.errors import InputError
from p5rec.data.queries import Truth
from p5rec.evaluation.evaluate import Measured, stacked

LEVEL = 0.95
RESAMPLES = 1000
PERMUTATIONS = 5000
WIDE = 18  # columns of statistics that are reduced in no time: those of BLEU
BLOCK = 2**22  # draws held at once
K = TypeVar("K")


@dataclass(frozen=True)
class Difference:
    """One model minus another on the same queries.

    Attributes:
        mean: the difference of the two numbers of the table.
        low, high: its 95 % bootstrap interval.
        p: two-sided p-value of a permutation test that swaps the two models query by query.
    """

    mean: float
    low: float
    high: float
    p: float

    @property
    def significant(self) -> bool:
        """Whether chance alone would make such a difference in fewer than 5 of 100 tables."""
        return self.p < 1 - LEVEL


def intervals(measured: Measured, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, tuple[float, float]]:
    """The 95 % percentile bootstrap interval of each metric, queries resampled (Efron, 1979).

    Metrics with a reduce of their own are reduced again on each resample, and their interval is moved by the
    bootstrap's bias (a resample holds fewer distinct queries, so it covers less of the catalogue); see `resampled`.
    """
    means = [name for name, metric in measured.metrics.items() if is_mean(metric)]
    found: dict[str, tuple[float, float]] = {}
    if means:
        columns = np.stack([measured.stats[name][:, 0] for name in means], axis=1)
        draws = resampled_means(columns, resamples, seed)
        found = {name: middle(draws[:, place]) for place, name in enumerate(means)}
    others = {name: metric for name, metric in measured.metrics.items() if name not in found}
    found |= {name: interval(metric, measured.stats[name], resamples, seed) for name, metric in others.items()}
    return {name: found[name] for name in measured.metrics}


def interval(metric: Metric, stats: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """The interval of one metric from its statistics (Q, S); wide ones (items, n-grams) take fewer resamples."""
    if is_mean(metric):
        return middle(resampled_means(stats[:, :1], resamples, seed)[:, 0])
    return middle(np.clip(resampled(metric, stats, resamples, seed), *metric.bounds))


def resampled(metric: Metric, stats: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """(R,) the numbers of a metric on resamples of the rows, moved so that their mean is the measured number.

    Rows are drawn with replacement. A metric that counts different things (``counts_distinct``) would take a row
    drawn twice for a repetition, so random halves are drawn instead, which spread as much (Politis and Romano, 1994);
    its numbers fall with the number of rows, so they are scaled to the measured one. Counting is slow: fewer draws.
    """
    measured = metric.reduce(stats)
    if not getattr(metric, "counts_distinct", False):
        draws = np.array([metric.reduce(stats[rows]) for rows in _draws(len(stats), _fewer(resamples, stats), seed)])
        return draws + measured - draws.mean()
    rng, half = seeds.rng(seed, "halves"), max(len(stats) // 2, 1)
    chosen = (rng.permutation(len(stats))[:half] for _ in range(_fewer(resamples, stats)))
    draws = np.array([metric.reduce(stats[rows]) for rows in chosen])
    return draws * (measured / draws.mean()) if draws.any() else draws


def _fewer(resamples: int, stats: np.ndarray) -> int:
    """A fifth where a reduce has many columns to go through."""
    return resamples if stats.shape[1] <= WIDE else max(resamples // 5, 100)


def is_mean(metric: Metric) -> bool:
    """Whether the number of a metric is the mean of its first statistic."""
    return type(metric).reduce is Metric.reduce


def resampled_means(columns: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """(R, M) means of columns (Q, M) over R resamples of the rows."""
    count = len(columns)
    parts = []
    for size, rng in _blocks(resamples, count, seed, "bootstrap"):
        drawn = rng.integers(0, count, (size, count)) + np.arange(size)[:, None] * count
        weights = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        parts.append(weights @ columns / count)
    return np.concatenate(parts)


def paired(first: Measured, second: Measured, metric: str, *, resamples: int = RESAMPLES, seed: int = 0) -> Difference:
    """First minus second in one metric, with interval and p-value, both measured on the same queries.

    Raises:
        InputError: they were measured on other queries or without this metric.
    """
    _refuse_unpaired(first, second, metric)
    judge, (ours, theirs) = first.metrics[metric], np.split(stacked([first.stats[metric], second.stats[metric]]), 2)
    mean = judge.reduce(ours) - judge.reduce(theirs)
    if is_mean(judge):
        gap = (ours[:, 0] - theirs[:, 0]).astype(np.float64)
        low, high = middle(resampled_means(gap[:, None], resamples, seed)[:, 0])
        return Difference(mean, low, high, _flipped(gap, seed))
    low, high = middle(resampled(judge, ours, resamples, seed) - resampled(judge, theirs, resamples, seed))
    return Difference(mean, low, high, _swapped(judge, ours, theirs, _fewer(resamples, ours), seed))


def corrected(differences: Mapping[K, Difference]) -> dict[K, Difference]:
    """The same differences with p-values corrected for their number (Holm, 1979)."""
    order = sorted(differences, key=lambda key: differences[key].p)
    out, worst = {}, 0.0
    for place, key in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - place) * differences[key].p))
        out[key] = replace(differences[key], p=worst)
    return {key: out[key] for key in differences}


def middle(draws: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of draws."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _draws(count: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    rng = seeds.rng(seed, "bootstrap", "rows")
    for _ in range(resamples):
        yield rng.integers(0, count, count)


def _blocks(total: int, width: int, seed: int, purpose: str) -> Iterator[tuple[int, np.random.Generator]]:
    """Sizes that add up to `total`, few enough rows of `width` at once to fit in memory."""
    rng, size = seeds.rng(seed, purpose), max(BLOCK // max(width, 1), 1)
    for start in range(0, total, size):
        yield min(size, total - start), rng


def _flipped(gap: np.ndarray, seed: int) -> float:
    """Sign-flip test of a mean: rows where both are equal change nothing and are left out."""
    gap = gap[gap != 0]
    if not len(gap):
        return 1.0
    total, extreme = gap.sum(), 0
    for size, rng in _blocks(PERMUTATIONS, len(gap), seed, "flips"):
        signs = rng.integers(0, 2, (size, len(gap)), dtype=np.int8).astype(np.float32)
        sums = 2.0 * (signs @ gap) - total
        extreme += int((np.abs(sums) >= abs(total) * (1 - 1e-6)).sum())
    return (1 + extreme) / (1 + PERMUTATIONS)


def _swapped(metric: Metric, ours: np.ndarray, theirs: np.ndarray, permutations: int, seed: int) -> float:
    """Permutation test of any reduce: the two models' statistics are swapped query by query."""
    rng = seeds.rng(seed, "swaps")
    wanted, extreme = abs(metric.reduce(ours) - metric.reduce(theirs)), 0
    for _ in range(permutations):
        swap = rng.integers(0, 2, (len(ours), 1)).astype(bool)
        gap = metric.reduce(np.where(swap, theirs, ours)) - metric.reduce(np.where(swap, ours, theirs))
        extreme += abs(gap) >= wanted * (1 - 1e-9)
    return (1 + extreme) / (1 + permutations)


def _refuse_unpaired(first: Measured, second: Measured, metric: str) -> None:
    if metric not in first.stats or metric not in second.stats:
        raise InputError(f"a paired test of {metric} needs both models measured by it; they share "
                         f"{', '.join(sorted(first.stats.keys() & second.stats.keys())) or 'no metric'}")  # fmt: skip
    if not _same_truth(first.truth, second.truth):
        raise InputError(
            f"a paired test needs both models measured on the same queries, found {first.queries} and "
            f"{second.queries} with other true items; evaluate both with the same call"
        )


def _same_truth(first: Truth, second: Truth) -> bool:
    same = np.array_equal(first.items.lengths, second.items.lengths) and first.texts == second.texts
    return same and np.array_equal(first.items.flat()[1], second.items.flat()[1])
