"""The same numbers for parts of the queries: new users, long histories, rare and cold items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from p5rec.data.dataset import Dataset
from p5rec.data.queries import UNKNOWN, Queries, Truth
from p5rec.evaluation.compare import interval
from p5rec.evaluation.evaluate import Measured
from p5rec.evaluation.places import distinct
from p5rec.evaluation.standard import HEADLINE

NEW = 2  # a history of at most so many events is that of a new user
HEAD = 0.2  # the most taken fifth of the items is popular, the other four are rare
Cuts = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Slice:
    """One model on some of the queries.

    Attributes:
        group: what they are told apart by, e.g. ``"history"``.
        name: which they are, e.g. ``"new: 0–2 events"``.
        queries: how many.
        values, intervals: metric → number, metric → 95 % interval.
    """

    group: str
    name: str
    queries: int
    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]


def cuts(queries: Queries, truth: Truth, dataset: Dataset) -> Cuts:
    """Group → name → (Q,) which queries; empty slices are left out.

    ``history``: new (unknown users, or at most `NEW` events), the others in thirds by length. ``target``: cold (no
    training event), rare, popular (the most taken `HEAD` of the items); of several true items the median decides.
    """
    groups = {"history": _by_history(queries), "target": _by_target(distinct(truth), dataset.item_counts)}
    return {group: {name: mask for name, mask in masks.items() if mask.any()} for group, masks in groups.items()}


def slices(
    measured: Measured,
    cut: Cuts,
    *,
    metrics: Sequence[str] = HEADLINE,
    resamples: int = 500,
    seed: int = 0,
) -> list[Slice]:
    """Each slice of one model, with intervals."""
    chosen = [name for name in metrics if name in measured.metrics] or list(measured.metrics)[:1]
    return [
        _slice(measured, group, name, mask, chosen, resamples, seed)
        for group, masks in cut.items()
        for name, mask in masks.items()
    ]


def _slice(
    measured: Measured, group: str, name: str, mask: np.ndarray, metrics: list[str], resamples: int, seed: int
) -> Slice:
    parts = {metric: measured.stats[metric][mask] for metric in metrics}
    values = {metric: measured.metrics[metric].reduce(stats) for metric, stats in parts.items()}
    intervals = {metric: interval(measured.metrics[metric], stats, resamples, seed) for metric, stats in parts.items()}
    return Slice(group, name, int(mask.sum()), values, intervals)


def _by_history(queries: Queries) -> dict[str, np.ndarray]:
    lengths = queries.history.lengths
    new = (lengths <= NEW) | (queries.users == UNKNOWN)
    masks = {f"new: unknown or ≤ {NEW} events" if (lengths[new] > NEW).any() else f"new: ≤ {NEW} events": new}
    if new.all():
        return masks
    low, high = np.quantile(lengths[~new], [1 / 3, 2 / 3], method="lower")
    for name, mask in (
        ("short", lengths <= low),
        ("medium", (lengths > low) & (lengths <= high)),
        ("long", lengths > high),
    ):
        mask &= ~new
        if mask.any():
            masks[f"{name}: {_range(lengths[mask])} events"] = mask
    return masks


def _range(lengths: np.ndarray) -> str:
    low, high = int(lengths.min()), int(lengths.max())
    return str(low) if low == high else f"{low}–{high}"


def _by_target(truth: Truth, counts: np.ndarray) -> dict[str, np.ndarray]:
    row, item = truth.items.flat()
    order = np.lexsort((counts[item], row))
    starts = np.cumsum(truth.items.lengths) - truth.items.lengths
    middle = item[order][starts + (truth.items.lengths - 1) // 2]
    place = np.empty(len(counts), dtype=np.int64)
    place[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    cold, head = counts[middle] == 0, place[middle] < HEAD * len(counts)
    return {
        "cold: no training event": cold,
        f"rare: the lower {1 - HEAD:.0%} of items": ~cold & ~head,
        f"popular: the top {HEAD:.0%} of items": ~cold & head,
    }
