"""Every store that is in the folder keeps the same promises."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from p5rec.contracts import KINDS, Event, Store
from p5rec.core.errors import InputError, P5Error
from p5rec.core.plugins import Folder
from p5rec.serving.stores.sqlite import Sqlite

STORES = Folder("store", *KINDS["store"])
ODD = ["", "ü/ö", "a'b\"c; DROP TABLE events;--", "x" * 10_000, "a\x00b", "日本", " ", "%", "🎬", "../../etc"]


def event(number: int, user: str = "u", time: float | None = None, item: str = "i") -> Event:
    return Event(f"e{number}", user, item, float(number if time is None else time), "event", 1.0)


@pytest.fixture(params=STORES.names())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    kind = STORES.load(request.param)
    made = kind(kind.Config(), tmp_path)
    yield made
    made.close()


def test_an_event_comes_back_as_it_was(store: Store) -> None:
    kept = Event("id", "u", "i", 1.5, "buy", -2.25)
    assert store.append([kept]) == [True]
    assert store.read("u", 10) == [kept]
    assert store.read("nobody", 10) == []


def test_a_known_event_id_is_not_kept_twice(store: Store) -> None:
    assert store.append([event(1), event(1), event(2)]) == [True, False, True]
    assert store.append([event(2), event(3)]) == [False, True]
    assert [e.event_id for e in store.read("u", 10)] == ["e1", "e2", "e3"]
    assert store.count() == 3


def test_the_cursor_has_no_gaps_from_duplicates(store: Store) -> None:
    for _ in range(3):
        store.append([event(1), event(2)])
    store.append([event(3)])
    assert store.since(2, 10) == ([event(3)], 3)


def test_a_user_is_read_oldest_first_and_the_last_ones(store: Store) -> None:
    store.append([event(1, time=30), event(2, time=10), event(3, time=20), event(4, time=20)])
    assert [e.event_id for e in store.read("u", 10)] == ["e2", "e3", "e4", "e1"]
    assert [e.event_id for e in store.read("u", 2)] == ["e4", "e1"]
    assert store.read("u", 0) == []


def test_events_before_a_cursor_are_left_out(store: Store) -> None:
    store.append([event(1), event(2)])
    cursor = store.count()
    store.append([event(3, time=0)])
    assert [e.event_id for e in store.read("u", 10, after=cursor)] == ["e3"]


def test_since_goes_on_where_it_ended(store: Store) -> None:
    store.append([event(n, user=f"u{n % 3}", time=-n) for n in range(7)])
    first, cursor = store.since(0, 4)
    rest, end = store.since(cursor, 100)
    assert [e.event_id for e in first + rest] == [f"e{n}" for n in range(7)]
    assert store.since(end, 100) == ([], end)
    assert end == store.count() == 7


def test_erasing_forgets_one_user_and_keeps_the_cursor(store: Store) -> None:
    store.append([event(1), event(2, user="v"), event(3)])
    assert not store.erased("u")
    assert store.erase("u") == 2
    assert store.read("u", 10) == []
    assert [e.event_id for e in store.read("v", 10)] == ["e2"]
    assert store.erased("u")
    assert not store.erased("v")
    assert store.count() == 3
    assert store.erase("u") == 0
    store.append([event(4)])
    assert store.since(3, 10) == ([event(4)], 4)


def test_an_erased_event_may_come_again(store: Store) -> None:
    store.append([event(1)])
    store.erase("u")
    assert store.append([event(1)]) == [True]


def test_erasing_the_last_event_does_not_reuse_its_cursor(store: Store) -> None:
    store.append([event(1), event(2)])
    store.erase("u")
    store.append([event(3, user="v")])
    assert store.count() == 3


@pytest.mark.parametrize("odd", ODD)
def test_any_text_is_an_id(store: Store, odd: str) -> None:
    kept = Event("e" + odd, odd, odd, 1.0, odd, 1.0)
    store.append([kept, event(1)])
    assert store.read(odd, 10) == [kept]
    assert store.erase(odd) == 1
    assert store.read("u", 10) == [event(1)]


def test_items_are_kept_once_in_order_the_last_row_wins(store: Store) -> None:
    store.put_items([{"item_id": "b", "title": "B"}, {"item_id": "a", "n": [1, None, {"x": 0.5}]}])
    store.put_items([{"item_id": "b", "title": "ß"}])
    assert store.items() == [{"item_id": "b", "title": "ß"}, {"item_id": "a", "n": [1, None, {"x": 0.5}]}]


def test_thirty_two_threads_lose_nothing(store: Store) -> None:
    def post(thread: int) -> None:
        for n in range(10):
            store.append([event(thread * 100 + n, user=f"u{thread}"), event(n, user="shared")])
            assert store.read(f"u{thread}", 100)[-1].event_id == f"e{thread * 100 + n}"

    threads = [threading.Thread(target=post, args=(1 + n,)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count() == 32 * 10 + 10
    assert all(len(store.read(f"u{n}", 100)) == 10 for n in range(1, 33))
    assert len(store.read("shared", 100)) == 10


# ---------------------------------------------------------------- SQLite


def sqlite(folder: Path) -> Sqlite:
    return Sqlite(Sqlite.Config(), folder)


def test_what_was_answered_is_there_after_a_crash(tmp_path: Path) -> None:
    store = sqlite(tmp_path / "live")
    store.append([event(1)])
    store.put_items([{"item_id": "new"}])
    store.erase("x")
    shutil.copytree(tmp_path / "live", tmp_path / "crashed")  # as a killed process leaves the files
    again = sqlite(tmp_path / "crashed")
    assert again.read("u", 10) == [event(1)]
    assert again.items() == [{"item_id": "new"}]
    assert again.erased("x")
    again.close()
    store.close()


def test_an_append_that_fails_keeps_nothing(tmp_path: Path) -> None:
    store = sqlite(tmp_path)
    half = Event("e2", "u", "i", None, "event", 1.0)  # type: ignore[arg-type]
    with pytest.raises(P5Error, match="nothing was changed"):
        store.append([event(1), half])
    assert store.count() == 0
    assert store.append([event(1)]) == [True]
    store.close()


def test_a_store_that_another_process_holds_is_a_sentence(tmp_path: Path) -> None:
    store = Sqlite(Sqlite.Config(wait=0), tmp_path)
    other = sqlite3.connect(tmp_path / "events.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(P5Error, match="the event store cannot be used now \\(database is locked\\)"):
        store.append([event(1)])
    other.execute("ROLLBACK")
    assert store.append([event(1)]) == [True]
    other.close()
    store.close()


def test_two_processes_may_share_a_store(tmp_path: Path) -> None:
    one, two = sqlite(tmp_path), sqlite(tmp_path)
    assert one.append([event(1)]) == [True]
    assert two.append([event(1), event(2)]) == [False, True]
    assert one.read("u", 10) == two.read("u", 10) == [event(1), event(2)]
    one.close()
    two.close()


def test_noise_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite3").write_bytes(b"noise" * 1000)
    with pytest.raises(InputError, match=r"events\.sqlite3: this is not a usable event store .* move it away"):
        sqlite(tmp_path)


def test_a_store_of_a_later_format_is_refused(tmp_path: Path) -> None:
    sqlite(tmp_path).close()
    with sqlite3.connect(tmp_path / "events.sqlite3") as file:
        file.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="this event store has format 99, this p5rec reads 1; upgrade p5rec"):
        sqlite(tmp_path)


def test_erased_users_are_not_in_the_files(tmp_path: Path) -> None:
    store = sqlite(tmp_path)
    store.append([event(1, user="a-very-private-name", item="a-private-item"), event(2)])
    store.erase("a-very-private-name")
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"private" not in files
    store.close()
