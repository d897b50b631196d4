"""What every source, filter and split promises."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from p5rec.core import seed as seeds
from p5rec.core.errors import InputError
from p5rec.data.events import Events, Part
from p5rec.data.stages import Filter, Source, Split

COUNT = 600


def events(seed: int = 0, users: int = 40, items: int = 25) -> Events:
    """Encoded events as a builder hands them on: sorted by user, then time; repeats and ties among them."""
    rng = seeds.rng(seed, "events")
    user = np.sort(rng.integers(users, size=COUNT)).astype(np.int32)
    time = rng.integers(0, 400 * 86_400, COUNT)
    time = np.where(rng.random(COUNT) < 0.1, 86_400, time)
    order = np.lexsort((time, user))
    return Events(
        user=user,
        item=rng.choice(items, COUNT, p=_shares(items)).astype(np.int32),
        time=time[order].astype(np.int64),
        label=rng.integers(1, 6, COUNT).astype(np.float32),
        kind=np.zeros(COUNT, dtype=np.uint8),
        target=0,
        users=users,
        items=items,
        given=rng.integers(0, 3, COUNT).astype(np.int8),
    )


def _shares(items: int) -> np.ndarray:
    shares = 1 / np.arange(1, items + 1)
    return shares / shares.sum()


def renamed(given: Events) -> tuple[Events, np.ndarray]:
    """The same events with users and items numbered otherwise, and the old place of each."""
    rng = seeds.rng(7, "renamed")
    user = rng.permutation(given.users)[given.user].astype(np.int32)
    item = rng.permutation(given.items)[given.item].astype(np.int32)
    order = np.lexsort((np.arange(len(given)), user))
    return replace(given, user=user, item=item).rows(order), order


def missing_paths_are_told(plug: type[Source]) -> None:
    """Its settings have a path; one that is not there is one sentence which names it."""
    if "path" not in plug.Config.model_fields:
        return  # it reads what is handed over in Python
    with TemporaryDirectory() as folder:
        missing = Path(folder) / "not-there.csv"
        faults = _faults(plug, missing)
        assert any("not-there" in fault for fault in faults), f"the path is not named: {faults}"


def empty_paths_are_told(plug: type[Source]) -> None:
    """An empty file is one sentence too."""
    if "path" not in plug.Config.model_fields:
        return
    with TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.csv"
        empty.touch()
        assert _faults(plug, empty)


def _faults(plug: type[Source], path: Path) -> tuple[str, ...]:
    """The sentences a source answers with.

    Raises:
        AssertionError: it read the file without a complaint.
    """
    config = plug.Config.model_validate({"path": str(path)})
    source: Any = plug(config)  # type: ignore[call-arg]
    try:
        source.read().events.collect()
    except InputError as error:
        return error.faults
    raise AssertionError(f"{path.name} was read without a complaint")


def _filter(plug: type[Filter]) -> Any:
    return plug(plug.Config())  # type: ignore[call-arg]


def filters_choose_rows(plug: type[Filter]) -> None:
    """(N,) bool, the same twice, with a reason; the events are left as they were; no events are no fault."""
    chosen, given = _filter(plug), events()
    before = given.item.copy()
    keep = chosen.keep(given)
    assert keep.shape == (COUNT,)
    assert keep.dtype == np.bool_
    assert keep.any(), "by default a filter keeps something"
    assert np.array_equal(keep, chosen.keep(given))
    assert np.array_equal(given.item, before)
    assert plug.reason.strip()
    assert chosen.keep(given.rows(np.zeros(COUNT, dtype=bool))).shape == (0,)


def filters_ignore_numbers(plug: type[Filter]) -> None:
    """Leak law: other numbers for the same users and items, the same events kept."""
    chosen, given = _filter(plug), events()
    other, order = renamed(given)
    assert np.array_equal(chosen.keep(other), chosen.keep(given)[order])


def _split(plug: type[Split]) -> Any:
    return plug(plug.Config())  # type: ignore[call-arg]


def splits_give_each_event_a_part(plug: type[Split]) -> None:
    """(N,) uint8 parts, the same for the same seed; something to train on and something to test with."""
    chosen, given = _split(plug), events()
    parts = chosen.parts(given, 0)
    assert parts.shape == (COUNT,)
    assert parts.dtype == np.uint8
    assert set(np.unique(parts)) <= set(Part)
    assert np.array_equal(parts, chosen.parts(given, 0)), "a split is a function of its seed"
    assert (parts == Part.TRAIN).mean() > 0.2
    assert (parts == Part.TEST).any()
    assert (parts == Part.VALID).any()


def splits_never_train_on_the_tested(plug: type[Split]) -> None:
    """A user's history ends before what is held out, unless the split is not by time and says so."""
    given = events()
    parts = _split(plug).parts(given, 0)
    for user in range(given.users):
        mine = given.user == user
        own, time = parts[mine], given.time[mine]
        held, trained = np.isin(own, (Part.VALID, Part.TEST)), np.isin(own, (Part.TRAIN, Part.GIVEN))
        if plug.in_time and held.any() and trained.any():
            assert time[trained].max() <= time[held].min(), "a later event trains, an earlier one is tested"
        if (own == Part.GIVEN).any():
            assert not (own == Part.TRAIN).any(), "a user is held out whole or not at all"


def splits_take_little_data(plug: type[Split]) -> None:
    """One event, or two, are split, or refused in a sentence; never a crash."""
    chosen, given = _split(plug), events()
    for count in (1, 2):
        few = given.rows(np.arange(COUNT) < count)
        with suppress(InputError):
            assert chosen.parts(few, 0).shape == (count,)


SOURCE = (missing_paths_are_told, empty_paths_are_told)
FILTER = (filters_choose_rows, filters_ignore_numbers)
SPLIT = (splits_give_each_event_a_part, splits_never_train_on_the_tested, splits_take_little_data)
