"""What the data is: counts, ties, repeats, times and labels, as plain JSON values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from p5rec.data.dataset import Dataset
from p5rec.data.events import Part

REPEATS = 0.05  # share of events that repeat an item of the same user, from which on seen items may be answered


def facts_about(dataset: Dataset) -> dict[str, Any]:
    """Facts that can be told from the columns of a dataset."""
    training = dataset.history("train")
    user, place = training.places()
    item, count = dataset.events["item"], len(dataset.events["item"])
    lengths = dataset.bounds[:, Part.UNUSED + 1] - dataset.bounds[:, 0]
    trained = np.bincount(item[place], minlength=dataset.n_items)
    return {
        "users": dataset.n_users,
        "items": dataset.n_items,
        "events": count,
        "parts": {
            part.name.lower(): int((dataset.bounds[:, part + 1] - dataset.bounds[:, part]).sum()) for part in Part
        },
        "tested_users": int((dataset.bounds[:, Part.UNUSED] > dataset.bounds[:, Part.TEST]).sum()),
        "train_only_users": int((training.lengths > 0).sum() - _asked_and_trained(dataset)),
        "sparsity": 1 - count / max(dataset.n_users * dataset.n_items, 1),
        "events_a_user": {"median": float(np.median(lengths)), "max": int(lengths.max(initial=0))},
        "items_without_training": int((trained == 0).sum()),
        "repeat_rate": repeat_rate(user, item[place]),
        "kinds": _kinds(dataset),
        "label": _label(dataset.events["label"]),
        "time": _time(dataset.events["time"]),
    }


def _asked_and_trained(dataset: Dataset) -> int:
    """Users who train and are asked for validation or test."""
    bounds = dataset.bounds
    trained = bounds[:, Part.GIVEN] > bounds[:, Part.TRAIN]
    return int((trained & (bounds[:, Part.UNUSED] > bounds[:, Part.VALID])).sum())


def repeat_rate(user: np.ndarray, item: np.ndarray) -> float:
    """Share of events whose (user, item) occurred before."""
    if not len(user):
        return 0.0
    pairs = pl.Series((user.astype(np.int64) << 32) | item.astype(np.int64))
    return 1 - pairs.n_unique() / len(pairs)


def _kinds(dataset: Dataset) -> dict[str, int]:
    counts = np.bincount(dataset.events["kind"], minlength=len(dataset.kinds))
    return {name: int(count) for name, count in zip(dataset.kinds, counts, strict=True)}


def _label(label: np.ndarray) -> dict[str, float] | None:
    """None where all labels are 1, which is how data without labels is stored."""
    if not len(label) or (label == 1).all():
        return None
    return {"min": float(label.min()), "max": float(label.max()), "mean": float(label.mean(dtype=np.float64))}


def _time(time: np.ndarray) -> dict[str, str] | None:
    if not len(time) or (time == -1).all():
        return None
    return {"first": _date(int(time.min())), "last": _date(int(time.max()))}


def _date(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return str(seconds)
