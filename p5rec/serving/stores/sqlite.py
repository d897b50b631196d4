"""The embedded event store: SQLite in WAL mode, one writer, any number of readers."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from p5rec import contracts
from p5rec.contracts import Event
from p5rec.core import config as configs
from p5rec.core.errors import InputError, P5Error

FORMAT = 1  # user_version of the file; raised when an old reader would misread a new file
TABLES = """
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, item_id TEXT NOT NULL,
  time REAL NOT NULL, kind TEXT NOT NULL, label REAL, context TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_of_user ON events (user_id, time, seq);
CREATE TABLE IF NOT EXISTS items (seq INTEGER PRIMARY KEY, item_id TEXT NOT NULL UNIQUE, row TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS erased (user BLOB PRIMARY KEY) WITHOUT ROWID;
"""
FIELDS = "event_id, user_id, item_id, time, kind, label, context"


class Sqlite(contracts.Store):
    """Events in ``FOLDER/events.sqlite3``; several processes may share the file.

    An append is one transaction and is on the disk (fsync) when it returns, unless ``durable`` is off. Erased users
    are remembered by the SHA-256 of their id only, and their pages in the file are overwritten.
    """

    class Config(configs.Config):
        """Settings of the SQLite store."""

        durable: bool = Field(True, description="an answered event survives a power cut (synchronous=FULL)")
        wait: float = Field(10.0, description="seconds to wait for another process that is writing", ge=0, le=600)

    def __init__(self, config: Config, folder: Path) -> None:
        self._config = config
        self._path = Path(folder) / "events.sqlite3"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()  # guards the writer, its transactions are not to be mixed
        self._mine = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._writer = self._connect()
        self._prepare()

    # ------------------------------------------------------------ events

    def append(self, events: Sequence[Event]) -> list[bool]:
        """One transaction for all."""
        with self._writing() as writer:
            return [self._add(writer, event) for event in events]

    def read(self, user_id: str, limit: int, after: int = 0) -> list[Event]:
        """From the index of users, newest first, then turned round."""
        query = f"SELECT {FIELDS} FROM events WHERE user_id = ? AND seq > ? ORDER BY time DESC, seq DESC LIMIT ?"
        return [_event(row) for row in reversed(self._rows(query, (user_id, after, limit)))]

    def since(self, cursor: int, limit: int) -> tuple[list[Event], int]:
        """In order of the primary key."""
        rows = self._rows(f"SELECT seq, {FIELDS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (cursor, limit))
        return [_event(row[1:]) for row in rows], rows[-1][0] if rows else cursor

    def erase(self, user_id: str) -> int:
        """Deleted, overwritten, and the write-ahead log emptied of them."""
        with self._writing() as writer:
            writer.execute("INSERT OR IGNORE INTO erased VALUES (?)", (_digest(user_id),))
            gone = writer.execute("DELETE FROM events WHERE user_id = ?", (user_id,)).rowcount
        with self._lock:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return gone

    def erased(self, user_id: str) -> bool:
        """By digest."""
        return bool(self._rows("SELECT 1 FROM erased WHERE user = ?", (_digest(user_id),)))

    def count(self) -> int:
        """From the sequence of the primary key, which erasing does not lower."""
        rows = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'events'", ())
        return rows[0][0] if rows else 0

    # ------------------------------------------------------------ items

    def put_items(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """One transaction for all."""
        query = "INSERT INTO items (item_id, row) VALUES (?, ?) ON CONFLICT (item_id) DO UPDATE SET row = excluded.row"
        values = [(row["item_id"], json.dumps(dict(row))) for row in rows]
        with self._writing() as writer:
            writer.executemany(query, values)

    def items(self) -> list[dict[str, Any]]:
        """In order of first arrival."""
        return [json.loads(row) for (row,) in self._rows("SELECT row FROM items ORDER BY seq", ())]

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    # ------------------------------------------------------------ connections

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._config.wait, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        self._open.append(connection)
        return connection

    def _prepare(self) -> None:
        """Open or make the tables; a file that is something else is refused."""
        try:
            (found,) = self._writer.execute("PRAGMA user_version").fetchone()
            if found > FORMAT:
                raise InputError(
                    f"{self._path}: this event store has format {found}, this p5rec reads {FORMAT}; upgrade p5rec"
                )
            self._writer.execute("PRAGMA journal_mode = WAL").fetchone()
            self._writer.execute(f"PRAGMA synchronous = {'FULL' if self._config.durable else 'NORMAL'}")
            self._writer.execute("PRAGMA secure_delete = ON").fetchone()
            self._writer.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
        except sqlite3.DatabaseError as error:
            raise InputError(f"{self._path}: this is not a usable event store ({error}); move it away") from None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _spoken(self._path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        """Run a question on this thread's own reader, which never waits for the writer."""
        if not hasattr(self._mine, "reader"):
            with self._lock:
                self._mine.reader = self._connect()
        with _spoken(self._path):
            return self._mine.reader.execute(query, values).fetchall()

    @staticmethod
    def _add(writer: sqlite3.Connection, event: Event) -> bool:
        """Looked up before inserting, since an ignored insert would use up a number of the cursor."""
        if writer.execute("SELECT 1 FROM events WHERE event_id = ?", (event.event_id,)).fetchone():
            return False
        context = json.dumps(dict(event.context)) if event.context else ""
        row = (event.event_id, event.user_id, event.item_id, event.time, event.kind, event.label, context)
        writer.execute(f"INSERT INTO events ({FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return True


def _event(row: Sequence[Any]) -> Event:
    """SQLite has no NaN: it keeps NULL."""
    event_id, user_id, item_id, time, kind, label, context = row
    missing = math.nan if label is None else label
    return Event(event_id, user_id, item_id, time, kind, missing, json.loads(context) if context else {})


def _digest(user_id: str) -> bytes:
    return hashlib.sha256(user_id.encode()).digest()


@contextmanager
def _spoken(path: Path) -> Iterator[None]:
    """A fault of the database (disk full, locked, gone) as a sentence."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        raise P5Error(f"{path}: the event store cannot be used now ({error}); nothing was changed") from None
