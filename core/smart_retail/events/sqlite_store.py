"""Events in an embedded SQLite database in the artifacts folder, in WAL mode: the default, for one host."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from smart_retail.errors import ArtifactError
from smart_retail.events.event import FIELDS, Event
from smart_retail.events.store import EventStore, tombstone

FILE_NAME: Final = "events.sqlite"
TIMEOUT_SECONDS: Final = 10
"""Seconds to wait for another writer."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    customer_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    amount INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_customer ON events (customer_id, sequence);
CREATE TABLE IF NOT EXISTS erased (hash TEXT PRIMARY KEY, erased_on TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class SqliteEventStore(EventStore):
    """Events of one artifacts folder. Reading creates no file."""

    def __init__(self, artifacts: str | os.PathLike[str]) -> None:
        self.path = Path(artifacts) / FILE_NAME

    def add(self, events: Iterable[Event]) -> int:
        rows = list(events)
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            erased = self._erased_among(connection, {e.customer_id for e in rows})
            before = connection.total_changes
            connection.executemany(
                f"INSERT OR IGNORE INTO events ({', '.join(FIELDS)}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                [tuple(getattr(e, c) for c in FIELDS) for e in rows if e.customer_id not in erased],
            )
            return connection.total_changes - before

    def for_customer(self, customer_id: str, after: int = 0) -> list[Event]:
        return (
            list(self._select("customer_id = ? AND sequence > ?", (customer_id, after))) if self.path.exists() else []
        )

    def all(self, after: int = 0) -> Iterator[Event]:
        return self._select("sequence > ?", (after,)) if self.path.exists() else iter(())

    def last_sequence(self) -> int:
        return self._number("SELECT COALESCE(MAX(sequence), 0) FROM events")

    def erase(self, customer_id: str) -> int:
        with self._open() as connection:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                gone = connection.execute("DELETE FROM events WHERE customer_id = ?", (customer_id,)).rowcount
                mark = tombstone(self._salt(connection), customer_id)
                today = datetime.now(UTC).date().isoformat()
                connection.execute("INSERT OR IGNORE INTO erased VALUES (?, ?)", (mark, today))
            # Deleted rows are overwritten (secure_delete); truncating the log and VACUUM remove their other copies.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def count_erased(self) -> int:
        return self._number("SELECT COUNT(*) FROM erased")

    def erased_among(self, customer_ids: Iterable[str]) -> set[str]:
        if not self.path.exists():
            return set()
        with self._open() as connection:
            return self._erased_among(connection, set(customer_ids))

    def change_counter(self) -> Callable[[], int | None]:
        open_connections: list[sqlite3.Connection] = []
        file = str(self.path)

        def read_counter() -> int | None:
            # Called before every response; `os.access` takes a third of the time of `Path.exists`.
            if not open_connections and not os.access(file, os.F_OK):
                return None
            with _translate_errors():
                if not open_connections:
                    open_connections.append(sqlite3.connect(self.path, timeout=TIMEOUT_SECONDS, isolation_level=None))
                # A counter of this connection that changes with every commit by another connection.
                return int(open_connections[0].execute("PRAGMA data_version").fetchone()[0])

        return read_counter

    def _erased_among(self, connection: sqlite3.Connection, customer_ids: set[str]) -> set[str]:
        marks = {row[0] for row in connection.execute("SELECT hash FROM erased")}
        if not marks:
            return set()
        salt = self._salt(connection)
        return {c for c in customer_ids if tombstone(salt, c) in marks}

    @staticmethod
    def _salt(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT OR IGNORE INTO facts VALUES ('salt', ?)", (os.urandom(16).hex(),))
        return str(connection.execute("SELECT value FROM facts WHERE name = 'salt'").fetchone()[0])

    def _number(self, query: str) -> int:
        if not self.path.exists():
            return 0
        with self._open() as connection:
            return int(connection.execute(query).fetchone()[0])

    def _select(self, where: str, values: Sequence[object]) -> Iterator[Event]:
        with self._open() as connection:
            names = ", ".join((*FIELDS, "sequence"))
            for row in connection.execute(f"SELECT {names} FROM events WHERE {where} ORDER BY sequence", values):  # noqa: S608
                yield Event(*row)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with _translate_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=TIMEOUT_SECONDS, isolation_level=None)) as connection:
                _set_wal_mode(connection)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA secure_delete = ON")
                connection.executescript(_SCHEMA)
                yield connection


def _set_wal_mode(connection: sqlite3.Connection) -> None:
    """Set WAL mode, with retries: SQLite's timeout does not apply to this change while others open a new file."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0.001, 0.02))  # noqa: S311  # random, so that two processes do not collide again


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ArtifactError(
            f"The events file cannot be used: {error}.", "Check the disk and the file permissions."
        ) from error
