"""Events in an embedded SQLite database in the artifacts folder, in WAL mode: the default, for one host.

An account without write access to the folder reads without creating or changing a file. While a writer is connected, it
reads through the writer's shared memory file; otherwise it reads the database file alone, and again if that changed
meanwhile.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from smart_retail.errors import ArtifactError
from smart_retail.events.event import FIELDS, Event
from smart_retail.events.store import REMOVAL_PREFIX, EventStore, removal_mark, tombstone

T = TypeVar("T")

FILE_NAME: Final = "events.sqlite"
TIMEOUT_SECONDS: Final = 10
"""Seconds to wait for another writer."""
_READ_ATTEMPTS: Final = 5
"""Attempts of an account without write access to read while writers connect and disconnect."""

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
    """Events of one artifacts folder. Reading creates no folder and no database."""

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

    def remove(self, event_id: str) -> bool:
        if not self.path.exists():
            return False
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            gone = connection.execute("DELETE FROM events WHERE event_id = ?", (event_id,)).rowcount
            if gone:
                today = datetime.now(UTC).date().isoformat()
                connection.execute("INSERT INTO erased VALUES (?, ?)", (removal_mark(), today))
        return gone > 0

    def count_erased(self) -> int:
        return self._number(f"SELECT COUNT(*) FROM erased WHERE hash NOT LIKE '{REMOVAL_PREFIX}%'")  # noqa: S608

    def count_deletions(self) -> int:
        return self._number("SELECT COUNT(*) FROM erased")

    def erased_among(self, customer_ids: Iterable[str]) -> set[str]:
        wanted = set(customer_ids)
        return self._read(lambda connection: self._erased_among(connection, wanted), set())

    def change_counter(self) -> Callable[[], object]:
        open_connections: list[sqlite3.Connection] = []
        file = str(self.path)

        def read_counter() -> object:
            # Called before every response; `os.access` takes a third of the time of `Path.exists`.
            if not open_connections:
                if not os.access(file, os.F_OK):
                    return None
                writable = self._is_writable()
                if not writable and not self._has_writers():
                    return self._file_state()
            with _translate_errors():
                if not open_connections:
                    open_connections.append(self._connect() if writable else self._connect_read_only(shared=True))
                # A counter of this connection that changes with every commit by another connection.
                try:
                    return int(open_connections[0].execute("PRAGMA data_version").fetchone()[0])
                except sqlite3.Error:  # the file may be repaired
                    open_connections.pop().close()
                    raise

        return read_counter

    def _erased_among(self, connection: sqlite3.Connection, customer_ids: set[str]) -> set[str]:
        marks = {row[0] for row in connection.execute("SELECT hash FROM erased")}
        if not marks:
            return set()
        salt = connection.execute("SELECT value FROM facts WHERE name = 'salt'").fetchone()[0]
        return {c for c in customer_ids if tombstone(salt, c) in marks}

    @staticmethod
    def _salt(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT OR IGNORE INTO facts VALUES ('salt', ?)", (os.urandom(16).hex(),))
        return str(connection.execute("SELECT value FROM facts WHERE name = 'salt'").fetchone()[0])

    def _number(self, query: str) -> int:
        return int(self._read(lambda connection: connection.execute(query).fetchone()[0], 0))

    def _select(self, where: str, values: Sequence[object]) -> Iterator[Event]:
        names = ", ".join((*FIELDS, "sequence"))
        query = f"SELECT {names} FROM events WHERE {where} ORDER BY sequence"  # noqa: S608
        if self._is_writable():
            with self._open() as connection:
                for row in connection.execute(query, values):
                    yield Event(*row)
        else:
            rows: list[Any] = []
            yield from (Event(*row) for row in self._read(lambda c: c.execute(query, values).fetchall(), rows))

    def _read(self, query: Callable[[sqlite3.Connection], T], empty: T) -> T:
        """Return the result of a query, or `empty` if there is no database."""
        if not self.path.exists():
            return empty
        if self._is_writable():
            with self._open() as connection:
                return query(connection)
        with _translate_errors():
            return self._read_without_writing(query)

    def _read_without_writing(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of a query over a consistent state of the database, without creating or changing a file."""
        attempt = 0
        while True:
            attempt += 1
            shared, before = self._has_writers(), self._file_state()
            try:
                with closing(self._connect_read_only(shared)) as connection:
                    found = query(connection)
                if shared or self._file_state() == before:
                    return found
            except (sqlite3.Error, ArtifactError):
                if attempt == _READ_ATTEMPTS:
                    raise
            if attempt == _READ_ATTEMPTS:
                raise ArtifactError("The events file changed while it was read.", "Try again.")
            time.sleep(0.01 * 2**attempt)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=TIMEOUT_SECONDS, isolation_level=None)

    def _connect_read_only(self, shared: bool) -> sqlite3.Connection:
        """Open the database for an account that may not write, through the shared memory of its writers or without."""
        if not shared and _size(self._sibling("-wal")) > 0:
            raise ArtifactError(
                "The events file has a write-ahead log of a process that ended unexpectedly.",
                "Run `smart-retail doctor` with an account that may write to the artifacts folder.",
            )
        uri = f"{self.path.absolute().as_uri()}?mode=ro{'' if shared else '&immutable=1'}"
        return sqlite3.connect(uri, uri=True, timeout=TIMEOUT_SECONDS, isolation_level=None)

    def _is_writable(self) -> bool:
        """Return whether this account may write the database and create files next to it."""
        return os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    def _has_writers(self) -> bool:
        """Return whether there is the shared memory file of writers that are connected or were killed."""
        return os.access(self._sibling("-shm"), os.F_OK)

    def _file_state(self) -> tuple[object, ...]:
        """Return what changes when the database file changes or a writer connects."""
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns, _size(self._sibling("-wal")), self._has_writers()

    def _sibling(self, ending: str) -> str:
        return f"{self.path}{ending}"

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with _translate_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as connection:
                _set_wal_mode(connection)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA secure_delete = ON")
                connection.executescript(_SCHEMA)
                yield connection


def _size(path: str) -> int:
    """Return the size of a file in bytes, 0 if it does not exist."""
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0


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
