"""Columns of events that are known before the event: numbers and levels aligned with the events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from p5rec.data.encode import DAYS, RARE, FeatureConfig

HOURS, WEEKDAYS = 24, 7
THURSDAY = 3  # the weekday of 1970-01-01, Monday is 0


def context_columns(
    raw: Mapping[str, tuple[np.ndarray, tuple[str, ...]]],
    rows: np.ndarray,
    training: np.ndarray,
    time: np.ndarray,
    config: FeatureConfig,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Event columns ready to be looked up.

    Args:
        raw: as `Intake.context`, in file order.
        rows: (N,) the file row of each stored event.
        training: (N,) bool, what scales and levels are fitted on.
        time: (N,) int64 seconds.
        config: settings.

    Returns:
        Columns (N,), float32 normalised with 0 where missing, or int32 levels from 1 with 0 where missing; and what
        is needed to read them: {"kind", "levels"} or {"kind", "scale"} by name.
    """
    columns: dict[str, np.ndarray] = {}
    about: dict[str, Any] = {}
    for name, (values, levels) in raw.items():
        taken = values[rows]
        make = _levels if levels or values.dtype != np.float32 else _number
        columns[name], about[name] = make(taken, levels, training, config)
    for name in config.event_times:
        columns[name], about[name] = _bucket(time, name)
    return columns, about


def _number(
    values: np.ndarray, levels: tuple[str, ...], training: np.ndarray, config: FeatureConfig
) -> tuple[np.ndarray, dict[str, Any]]:
    known = values[training & np.isfinite(values)].astype(np.float64)
    mean, deviation = (float(known.mean()), float(known.std())) if len(known) else (0.0, 1.0)
    deviation = deviation if deviation > 1e-12 else 1.0
    scaled = np.where(np.isfinite(values), (values - mean) / deviation, 0.0).astype(np.float32)
    return scaled, {"kind": "number", "scale": [mean, deviation]}


def _levels(
    values: np.ndarray, levels: tuple[str, ...], training: np.ndarray, config: FeatureConfig
) -> tuple[np.ndarray, dict[str, Any]]:
    counts = np.bincount(values[training], minlength=len(levels) + 1)[: len(levels)]
    kept = np.flatnonzero(counts >= config.rare_below)
    folded = len(kept) < len(levels)
    number = np.full(len(levels) + 1, len(kept) + 1, dtype=np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    number[-1] = 0
    names = [levels[place] for place in kept] + [RARE] * folded
    return number[values], {"kind": "category", "levels": names}


def _bucket(time: np.ndarray, name: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Hour of the day or day of the week (UTC) as levels from 1."""
    count = HOURS if name == "hour" else WEEKDAYS
    value = time // 3600 % HOURS if name == "hour" else (time // DAYS + THURSDAY) % WEEKDAYS
    return np.where(time == -1, 0, value + 1).astype(np.int32), {
        "kind": "category",
        "levels": list(map(str, range(count))),
        "of": "time",
    }


def told_columns(about: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name → kind of the context columns that an event must tell; those made of its time are not among them."""
    return {name: str(facts["kind"]) for name, facts in about.items() if facts.get("of") != "time"}


def encoded(about: Mapping[str, Mapping[str, Any]], told: Mapping[str, Any], time: float) -> dict[str, float]:
    """The values of one new event or request, as its columns would hold them.

    Args:
        about: what `context_columns` returned; facts of the dataset.
        told: raw values by name; missing ones are 0, unknown levels are rare ones or else 0.
        time: seconds since 1970, -1 for none.
    """
    return {name: _value(name, facts, told.get(name), time) for name, facts in about.items()}


def _value(name: str, facts: Mapping[str, Any], raw: Any, time: float) -> float:
    if facts.get("of") == "time":
        return int(_bucket(np.array([int(time)]), name)[0][0])
    if raw is None:
        return 0
    if facts["kind"] == "number":
        mean, deviation = facts["scale"]
        return (float(raw) - mean) / deviation
    levels = facts["levels"]
    level = str(raw) if str(raw) in levels else RARE
    return levels.index(level) + 1 if level in levels else 0
