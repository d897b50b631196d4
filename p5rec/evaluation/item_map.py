"""Items as points on a plane: the two directions in which their vectors differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p5rec.core import seed as seeds
from p5rec.data.dataset import Dataset
from p5rec.data.features import Column, Kind
from p5rec.data.ragged import Ragged

GROUPS = 7  # colours; what is left is "other"
BANDS = ("most taken 5 %", "next 15 %", "next 30 %", "lower half")
LABELS = 14


@dataclass(frozen=True)
class ItemMap:
    """N items as points.

    Attributes:
        of: whose vectors they are.
        x, y: (N,) in 0 … 1.
        group: (N,) place in `groups`.
        groups: names of the colours.
        names, counts: title and training events of each.
        labels: places of the items whose titles are written beside their points.
        explained: share of the variance that the plane shows.
    """

    of: str
    x: Sequence[float]
    y: Sequence[float]
    group: Sequence[int]
    groups: Sequence[str]
    names: Sequence[str]
    counts: Sequence[int]
    labels: Sequence[int]
    explained: float


def item_map(vectors: np.ndarray, dataset: Dataset, of: str, limit: int = 1200) -> ItemMap:
    """The map of at most `limit` items: the most taken third, and a seeded sample of the others.

    Args:
        vectors: (V, D) item vectors; only their directions count.
        dataset: whose items they are.
        of: the model's name.
        limit: points; more make the page heavy.
    """
    shown = _shown(dataset, limit)
    points, explained = _plane(np.asarray(vectors, dtype=np.float64)[shown])
    group, groups = _groups(dataset, shown)
    counts = dataset.item_counts[shown]
    return ItemMap(
        of=of,
        x=points[:, 0].round(4).tolist(),
        y=points[:, 1].round(4).tolist(),
        group=group.tolist(),
        groups=groups,
        names=[dataset.titles[item] for item in shown],
        counts=counts.tolist(),
        labels=_apart(points, counts),
        explained=explained,
    )


def _shown(dataset: Dataset, limit: int) -> np.ndarray:
    order = np.argsort(-dataset.item_counts, kind="stable")
    order = order[: int((dataset.item_counts > 0).sum())] if (dataset.item_counts > 0).any() else order
    if len(order) <= limit:
        return order
    head, tail = order[: limit // 3], order[limit // 3 :]
    drawn = seeds.rng(dataset.seed, "item map").choice(len(tail), limit - len(head), replace=False)
    return np.r_[head, tail[np.sort(drawn)]]


def _plane(vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """(N, 2) along the two principal directions of the normalised vectors, and their share of variance."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    centred = vectors / np.where(lengths > 0, lengths, 1.0)
    centred = centred - centred.mean(0)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    points = centred @ directions[:, ::-1][:, :2]
    if points.shape[1] < 2:
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    explained = float(variances[-2:].sum() / max(variances.sum(), 1e-12))
    return np.stack([_spread(values) for values in points.T], axis=1), explained


def _spread(values: np.ndarray) -> np.ndarray:
    """To 0 … 1 in the same order, between true distances and even ones, so that points cover each other less."""
    low, high = np.quantile(values, [0.01, 0.99])
    true = np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0)
    even = np.argsort(np.argsort(values, kind="stable")) / max(len(values) - 1, 1)
    return np.asarray(0.4 * true + 0.6 * even)


def _groups(dataset: Dataset, shown: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """A colour for each item: its category where the data has one, else how often it is taken."""
    columns = dataset.item_features.of_kind(Kind.CATEGORY, Kind.LIST)
    best = max(columns.values(), key=_usefulness, default=None)
    if best is None:
        place = np.empty(dataset.n_items)
        place[np.argsort(-dataset.item_counts, kind="stable")] = np.arange(dataset.n_items) / max(dataset.n_items, 1)
        return np.digitize(place[shown], [0.05, 0.2, 0.5]), list(BANDS)
    level = _rarest_level(best)[shown]
    sizes = np.bincount(level[level >= 0], minlength=len(best.levels))
    top = [one for one in np.argsort(-sizes, kind="stable")[:GROUPS] if sizes[one]]
    number = {int(one): place for place, one in enumerate(top)}
    group = np.array([number.get(int(one), len(top)) for one in level])
    return group, [best.levels[one] for one in top] + (["other"] if (group == len(top)).any() else [])


def _usefulness(column: Column) -> float:
    """How much of the items a column's main levels tell apart."""
    level = _rarest_level(column)
    shares = np.sort(np.bincount(level[level >= 0], minlength=1))[::-1][:GROUPS] / max(len(level), 1)
    return float(shares.sum() - (shares**2).sum())


def _rarest_level(column: Column) -> np.ndarray:
    """(V,) one level an item: the value of a category; of a list its rarest level among the common ones."""
    if not isinstance(column.values, Ragged):
        return np.asarray(column.values)
    row, level = column.values.flat()
    sizes = np.bincount(level, minlength=max(len(column.levels), 1))
    common = sizes[level] >= 0.03 * len(column)
    row, level = (row[common], level[common]) if common.any() else (row, level)
    out = np.full(len(column), -1, dtype=np.int64)
    order = np.argsort(-sizes[level], kind="stable")
    out[row[order]] = level[order]
    return out


def _apart(points: np.ndarray, counts: np.ndarray) -> list[int]:
    """The most taken items whose labels do not overlap."""
    chosen: list[int] = []
    for place in np.argsort(-counts, kind="stable")[:300]:
        gaps = np.abs(points[chosen] - points[place]) if chosen else np.empty((0, 2))
        if not ((gaps[:, 0] < 0.22) & (gaps[:, 1] < 0.05)).any():
            chosen.append(int(place))
        if len(chosen) == LABELS:
            break
    return chosen
