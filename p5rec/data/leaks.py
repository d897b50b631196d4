"""Says in words where training rows know what is asked for."""

from __future__ import annotations

import numpy as np

from p5rec.data.dataset import Dataset
from p5rec.data.events import Part
from p5rec.data.ragged import Ragged

HABIT = 0.01, 5  # in time, repeated pairs are habit up to this share, or so many times the share in training
FEW = 20  # so many repeated pairs are no sign of anything where the split itself went by time
HELD = ((Part.VALID, "validation"), (Part.TEST, "test"))


def leaks(dataset: Dataset) -> list[str]:
    """Sentences, empty if nothing leaks: held-out pairs that train, training after the test, cold rows that train."""
    about = dataset.facts.get("split") or {}
    split, in_time = str(about.get("name", "")), bool(about.get("in_time", False))
    found = _pairs(dataset, in_time, in_time or split == "given")
    if in_time or split == "given":
        found += _later(dataset)
    if split == "global_time":
        found += _later_than_any(dataset)
    if split == "cold_items":
        found += _trained_items(dataset)
    if split == "cold_users":
        found += _trained_users(dataset)
    return found


def known_before(dataset: Dataset, before: Dataset, part: Part) -> float:
    """The share of a part's (user, item) pairs that trained on earlier data, by raw ids, and do not train on this."""
    users, items = before.users.numbers(dataset.users.all()), before.items.numbers(dataset.items.all())

    def pairs(of: Dataset, which: Part) -> np.ndarray:
        user, place = _rows(of, which)
        item = of.events["item"][place]
        if of is dataset:
            user, item = users[user], items[item]
        return np.where((user < 0) | (item < 0), -1, user * before.n_items + item)

    asked = pairs(dataset, part)
    learned = np.setdiff1d(pairs(before, Part.TRAIN), pairs(dataset, Part.TRAIN))
    return float(np.isin(asked, learned).mean()) if len(asked) else 0.0


def _rows(dataset: Dataset, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Users and places of the events of a part."""
    return Ragged(dataset.events["item"], dataset.bounds[:, part], dataset.bounds[:, part + 1]).places()


def _pairs(dataset: Dataset, in_time: bool, repeats: bool) -> list[str]:
    """Held-out pairs that are training rows too, more than people's habits explain where time goes on."""
    few = FEW if in_time else 0
    habit = max(HABIT[0], HABIT[1] * float(dataset.facts.get("repeat_rate", 0.0))) if repeats else 0.0
    user, place = _rows(dataset, Part.TRAIN)
    known = np.unique(user * dataset.n_items + dataset.events["item"][place])
    sentences = []
    for part, name in HELD:
        user, place = _rows(dataset, part)
        again = np.isin(user * dataset.n_items + dataset.events["item"][place], known)
        if again.sum() > few and again.mean() > habit:
            row = int(np.flatnonzero(again)[0])
            pair = dataset.users.key(user[row]), dataset.items.key(dataset.events["item"][place[row]])
            sentences.append(
                f"{int(again.sum())} of {len(again)} {name} pairs are training rows too, e.g. user {pair[0]!r} and "
                f"item {pair[1]!r}; drop duplicates, or the answer is known"
            )
    return sentences


def _later(dataset: Dataset) -> list[str]:
    """Users whose history goes on after what is asked."""
    time, bounds = dataset.events["time"], dataset.bounds
    sentences = []
    for part, name in HELD:
        asked = np.flatnonzero((bounds[:, part + 1] > bounds[:, part]) & (bounds[:, part] > bounds[:, Part.TRAIN]))
        earliest = np.minimum.reduceat(np.append(time, 0), bounds[asked][:, [part, part + 1]].ravel())[::2]
        latest = np.maximum.reduceat(np.append(time, 0), bounds[asked][:, [Part.TRAIN, part]].ravel())[::2]
        late = latest > earliest
        if late.any():
            key = dataset.users.key(asked[np.flatnonzero(late)[0]])
            sentences.append(
                f"{int(late.sum())} users, e.g. {key!r}, have events in their history that are later than the {name} "
                "events asked for; the future is known"
            )
    return sentences


def _later_than_any(dataset: Dataset) -> list[str]:
    """Training events of anybody after the first held-out event."""
    _, training = _rows(dataset, Part.TRAIN)
    held = np.concatenate([_rows(dataset, part)[1] for part, _ in HELD])
    if not len(training) or not len(held):
        return []
    start = int(dataset.events["time"][held].min())
    late = int((dataset.events["time"][training] >= start).sum())
    return [f"{late} training events are not before the held-out window; the future is known"] if late else []


def _trained_items(dataset: Dataset) -> list[str]:
    held = np.concatenate([dataset.events["item"][_rows(dataset, part)[1]] for part, _ in HELD])
    again = np.intersect1d(held, dataset.events["item"][_rows(dataset, Part.TRAIN)[1]])
    return (
        [f"{len(again)} cold items occur in training rows, e.g. {dataset.items.key(again[0])!r}"] if len(again) else []
    )


def _trained_users(dataset: Dataset) -> list[str]:
    held = np.concatenate([_rows(dataset, part)[0] for part, _ in HELD])
    again = np.intersect1d(held, _rows(dataset, Part.TRAIN)[0])
    return [f"{len(again)} cold users have training rows, e.g. {dataset.users.key(again[0])!r}"] if len(again) else []
