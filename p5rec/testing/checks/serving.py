"""What every store and index promises."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from p5rec.contracts import Event, Index, Store
from p5rec.testing.making import small

STRANGE = ["a", "", "ü/€ 'quoted' \"twice\"", "x" * 10_000, "a\x00b", "1' OR '1'='1"]


def event(number: int, user: str = "u", time: float | None = None) -> Event:
    """An event with an id of its own."""
    return Event(f"e{number}", user, f"i{number}", float(number if time is None else time))


def _store(plug: type[Store], folder: str) -> Any:
    return plug(small(plug), Path(folder))  # type: ignore[call-arg]


def appends_once(plug: type[Store]) -> None:
    """A known event id is not taken twice, in one append or two; the answer tells each."""
    with TemporaryDirectory() as folder:
        store = _store(plug, folder)
        assert store.append([event(1), event(2)]) == [True, True]
        assert store.append([event(2), event(3), event(3)]) == [False, True, False]
        assert store.append([]) == []
        assert [one.event_id for one in store.read("u", 10)] == ["e1", "e2", "e3"]
        assert store.count() == store.since(0, 99)[1]
        store.close()


def appends_all_or_nothing(plug: type[Store]) -> None:
    """An append that fails has taken nothing."""
    with TemporaryDirectory() as folder:
        store = _store(plug, folder)
        store.append([event(1)])
        try:
            store.append([event(2), None])
        except Exception:
            assert [one.event_id for one in store.read("u", 10)] == ["e1"], "half of an append was taken"
        else:
            raise AssertionError("an append of something that is no event was taken")
        assert store.append([event(2)]) == [True]
        store.close()


def reads_in_order(plug: type[Store]) -> None:
    """By time, then by arrival; the last ones; each user alone; after a cursor."""
    with TemporaryDirectory() as folder:
        store = _store(plug, folder)
        store.append([event(1, time=5), event(2, time=3), event(3, time=5), event(4, "v", 1)])
        assert [one.event_id for one in store.read("u", 10)] == ["e2", "e1", "e3"]
        assert [one.event_id for one in store.read("u", 2)] == ["e1", "e3"]
        assert store.read("u", 0) == []
        assert store.read("nobody", 5) == []
        assert store.read("v", 5) == [event(4, "v", 1)], "an event comes back as it was"
        first, cursor = store.since(0, 2)
        assert [one.event_id for one in first] == ["e1", "e2"]
        rest, end = store.since(cursor, 9)
        assert [one.event_id for one in rest] == ["e3", "e4"]
        assert store.since(end, 9) == ([], end)
        assert [one.event_id for one in store.read("u", 10, after=cursor)] == ["e3"]
        store.close()


def erases(plug: type[Store]) -> None:
    """All events of a user go, those of others stay, cursors are not used again, and it is remembered."""
    with TemporaryDirectory() as folder:
        store = _store(plug, folder)
        store.append([event(1), event(2, "v"), event(3)])
        cursor = store.count()
        assert store.erase("u") == 2
        assert store.erase("u") == 0
        assert store.read("u", 9) == []
        assert [one.event_id for one in store.read("v", 9)] == ["e2"]
        assert store.erased("u")
        assert not store.erased("v")
        assert store.append([event(1)]) == [True], "an erased event may come again"
        assert store.count() > cursor
        assert [one.event_id for one in store.since(cursor, 9)[0]] == ["e1"]
        store.close()


def takes_any_id(plug: type[Store]) -> None:
    """Ids are any strings; they come back as they went in."""
    with TemporaryDirectory() as folder:
        store = _store(plug, folder)
        for number, text in enumerate(STRANGE):
            one = Event(f"e{number}{text}", f"u{text}", f"i{text}", 1.5, "kind", 0.5)
            assert store.append([one]) == [True]
            assert store.read(f"u{text}", 5) == [one]
        assert store.count() >= len(STRANGE)
        store.close()


def keeps_items(plug: type[Store]) -> None:
    """The last row of an id wins; the order is that of first arrival."""
    with TemporaryDirectory() as folder:
        store = _store(plug, folder)
        store.put_items([{"item_id": "b", "title": "ü"}, {"item_id": "a", "tags": ["x", 1, None]}])
        store.put_items([{"item_id": "b", "title": "new"}])
        assert store.items() == [{"item_id": "b", "title": "new"}, {"item_id": "a", "tags": ["x", 1, None]}]
        store.close()


def loses_nothing_in_a_crowd(plug: type[Store]) -> None:
    """Eight threads append and read at once: every event is there once."""
    with TemporaryDirectory() as folder:
        store = _store(plug, folder)
        faults: list[BaseException] = []

        def work(thread: int) -> None:
            try:
                for number in range(10):
                    assert store.append([event(100 * thread + number, f"u{thread}")]) == [True]
                    assert len(store.read(f"u{thread}", 99)) == number + 1
            except BaseException as fault:
                faults.append(fault)

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults, faults
        assert len({one.event_id for one in store.since(0, 999)[0]}) == 80
        store.close()


def _index(plug: type[Index], vectors: np.ndarray) -> Index:
    index: Index = plug(small(plug))  # type: ignore[call-arg]
    index.build(vectors)
    return index


def finds_the_nearest(plug: type[Index]) -> None:
    """Nine of ten of the best by dot product are found, scores are the products, best first; added rows count."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(500, 16)).astype(np.float32)
    queries = rng.normal(size=(20, 16)).astype(np.float32)
    index = _index(plug, vectors[:400])
    index.add(vectors[400:])
    for k in (1, 10):
        items, scores = index.search(queries, k)
        assert items.shape == scores.shape == (20, k)
        assert (np.diff(scores, axis=1) <= 0).all()
        np.testing.assert_allclose(scores, np.einsum("qkd,qd->qk", vectors[items], queries), rtol=1e-4, atol=1e-4)
        exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :k]
        found = np.mean([len(set(a) & set(b)) / k for a, b in zip(items, exact, strict=True)])
        assert found >= 0.9


def searches_alike_alone(plug: type[Index]) -> None:
    """Same law: a query alone finds what it finds in a batch; more than there is, is all there is."""
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(30, 8)).astype(np.float32)
    index = _index(plug, vectors)
    items, _ = index.search(vectors, 5)
    for row in (0, 7, 29):
        assert np.array_equal(index.search(vectors[row : row + 1], 5)[0][0], items[row])
    assert index.search(vectors, 99)[0].shape[1] == 30


STORE = (
    appends_once,
    appends_all_or_nothing,
    reads_in_order,
    erases,
    takes_any_id,
    keeps_items,
    loses_nothing_in_a_crowd,
)
INDEX = (finds_the_nearest, searches_alike_alone)
