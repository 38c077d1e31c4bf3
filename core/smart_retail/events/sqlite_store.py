"""Events in an embedded SQLite database in the artifacts folder, in WAL mode: the default, for one host.

An account without write access to the folder reads without creating or changing a file. While a writer is connected, it
reads through the writer's shared memory file; otherwise it reads the database file alone, and again if that changed
meanwhile.
"""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from smart_retail.errors import ArtifactError, LockError, MissingBundleError
from smart_retail.events.erased_customers import Tombstone, erased_among
from smart_retail.events.event import FIELDS, Event
from smart_retail.events.store import REMOVAL_PREFIX, EventStore, event_key, removal_mark, store_id_of

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
CREATE TABLE IF NOT EXISTS compacted (event_key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


_FILES: Final[dict[str, tuple[tuple[int, int] | None, tuple[int, int] | None]]] = {}
"""Path of a database -> device and inode of the database and of its log when this process last used them."""


class SqliteEventStore(EventStore):
    """Events of one artifacts folder. Reading creates no database, and nothing creates the folder."""

    def __init__(self, artifacts: str | os.PathLike[str]) -> None:
        super().__init__(artifacts)
        self.path = Path(artifacts) / FILE_NAME

    def add(self, events: Iterable[Event], above: int = 0) -> int:
        rows = list(events)
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            self._salt(connection)
            _continue_above(connection, above)
            tombstones = _select_tombstones(connection) | self.erased_customers.read()
            erased = erased_among({e.customer_id for e in rows}, tombstones)
            before = connection.total_changes
            connection.executemany(
                f"INSERT OR IGNORE INTO events ({', '.join(FIELDS)}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                [
                    tuple(getattr(e, c) for c in FIELDS)
                    for e in rows
                    if e.customer_id not in erased and not _is_compacted(connection, e.event_id)
                ],
            )
            return connection.total_changes - before

    def for_customer(self, customer_id: str, after: int = 0) -> list[Event]:
        return (
            list(self._select("customer_id = ? AND sequence > ?", (customer_id, after))) if self.path.exists() else []
        )

    def all(self, after: int = 0) -> Iterator[Event]:
        return self._select("sequence > ?", (after,)) if self.path.exists() else iter(())

    def state(self) -> tuple[str, int]:
        return self._read(_select_state, ("", 0))

    def last_sequence(self) -> int:
        return self._number("SELECT COALESCE(MAX(sequence), 0) FROM events")

    def erase(self, customer_id: str) -> int:
        with self._open() as connection:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                gone = connection.execute("DELETE FROM events WHERE customer_id = ?", (customer_id,)).rowcount
                mark = Tombstone.of(self._salt(connection), customer_id).digest
                today = datetime.now(UTC).date().isoformat()
                connection.execute("INSERT OR IGNORE INTO erased VALUES (?, ?)", (mark, today))
            # Deleted rows are overwritten (secure_delete); VACUUM and truncating the log remove their other copies.
            connection.execute("VACUUM")
            if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:  # a reader still needs the log
                raise LockError(
                    "The events of the customer were removed, but another process reads the events file, whose "
                    "write-ahead log still contains them.",
                    "Erase the customer again when that process has ended, such as `events list` or a backup.",
                )
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

    def compact(self, through: int, before: str) -> int:
        if self.check_file() is None:
            return 0
        chosen = "WHERE sequence <= ? AND timestamp < ?"
        with self._open() as connection:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                found = connection.execute(f"SELECT event_id FROM events {chosen}", (through, before)).fetchall()  # noqa: S608
                keys = [(event_key(str(row[0])),) for row in found]
                connection.executemany("INSERT OR IGNORE INTO compacted VALUES (?)", keys)
                connection.execute(f"DELETE FROM events {chosen}", (through, before))  # noqa: S608
            connection.execute("VACUUM")
        return len(found)

    def stored_tombstones(self) -> set[Tombstone]:
        return self._read(_select_tombstones, set())

    def change_counter(self) -> Callable[[], object]:
        return _ChangeCounter(self)

    @staticmethod
    def _salt(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT OR IGNORE INTO facts VALUES ('salt', ?)", (os.urandom(16).hex(),))
        return _select_salt(connection)

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
        if self.check_file() is None:
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

    def state_without_writers(self) -> tuple[object, ...] | None:
        """Return the state of the file for an account that may not write it while no other has it open, else None."""
        return None if self._is_writable() or self._has_writers() else self._file_state()

    def connect_to_count(self) -> sqlite3.Connection:
        """Return a connection to read the change counter with."""
        return self._connect() if self._is_writable() else self._connect_read_only(shared=True)

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
        files = str(self.path), self._sibling("-wal"), self._sibling("-shm")
        return os.access(self.path.parent, os.W_OK) and all(map(_is_writable_or_absent, files))

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
            self._check_access()
            with closing(self._connect()) as connection:
                _set_wal_mode(connection)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA secure_delete = ON")
                connection.executescript(_SCHEMA)
                yield connection
            self.check_file()

    def _check_access(self) -> None:
        """Raise `ArtifactError` unless this account may write the database and the files next to it."""
        if not self.path.parent.is_dir():
            raise MissingBundleError(
                "The artifacts folder does not exist.", "Create it, or name the folder of the fitted versions."
            )
        self.check_file()
        if not self._is_writable():
            raise ArtifactError(
                f"This account may not write events: {FILE_NAME}, or the folder in which SQLite writes its log, is "
                "write-protected.",
                "Use the account that fits and serves, or give this one write access to the folder and its files.",
            )

    def check_file(self) -> tuple[int, int] | None:
        """Return device and inode of the database, None without one.

        Raises
        ------
        ArtifactError
            It is not a regular file, or it was replaced, but the write-ahead log of the file before it is still there:
            SQLite would mix the two.
        """
        # The log first: a new database between the two calls must not look like one that replaced a missing file.
        log, file = _identity(self._sibling("-wal")), _identity(str(self.path))
        before = _FILES.get(str(self.path))
        if before is not None and file not in (None, before[0]) and log is not None and log == before[1]:
            raise ArtifactError(
                f"{FILE_NAME} was replaced, but the write-ahead log of the replaced file is still next to it.",
                f"Stop the programs that use the folder, delete {FILE_NAME}-wal and {FILE_NAME}-shm, and start again.",
            )
        _FILES[str(self.path)] = file, log
        return file


class _ChangeCounter:
    """Reads a value that changes with every commit by another connection, and when the file is replaced.

    It keeps a connection open, and is called in one thread.
    """

    def __init__(self, store: SqliteEventStore) -> None:
        self._store = store
        self._path = str(store.path)
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def __call__(self) -> object:
        # Called before every response: while the file is the same, one `os.stat` and one query.
        if self._connection is not None and not self._is_replaced():
            return self._read_version(self._connection)
        self._close()
        self._file = self._store.check_file()
        if self._file is None:
            return None
        if (state := self._store.state_without_writers()) is not None:
            return state
        with _translate_errors():
            self._connection = self._store.connect_to_count()
            version = self._read_version(self._connection)
        self._store.check_file()  # notes the log, which exists as long as this connection
        return version

    def _is_replaced(self) -> bool:
        try:
            found = os.stat(self._path)  # noqa: PTH116  # faster than `Path.stat`
        except OSError:
            return True
        return (found.st_dev, found.st_ino) != self._file

    def _read_version(self, connection: sqlite3.Connection) -> object:
        try:
            return self._file, int(connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:  # the file may be repaired
            self._close()
            raise _sqlite_error(error) from error

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _select_tombstones(connection: sqlite3.Connection) -> set[Tombstone]:
    """Return the tombstones of a database, without the marks of removed events."""
    query = f"SELECT value, hash FROM facts, erased WHERE name = 'salt' AND hash NOT LIKE '{REMOVAL_PREFIX}%'"  # noqa: S608
    return {Tombstone(*row) for row in connection.execute(query)}


def _select_salt(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT value FROM facts WHERE name = 'salt'").fetchone()
    return "" if row is None else str(row[0])


def _select_state(connection: sqlite3.Connection) -> tuple[str, int]:
    deletions = connection.execute("SELECT COUNT(*) FROM erased").fetchone()[0]
    return store_id_of(_select_salt(connection)), int(deletions)


def _continue_above(connection: sqlite3.Connection, above: int) -> None:
    """Number the next events above `above`, if they would have a lower number."""
    if not above:
        return
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    if row is None:
        connection.execute("INSERT INTO sqlite_sequence VALUES ('events', ?)", (above,))
    elif row[0] < above:
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (above,))


def _is_compacted(connection: sqlite3.Connection, event_id: str) -> bool:
    key = (event_key(event_id),)
    return connection.execute("SELECT 1 FROM compacted WHERE event_key = ?", key).fetchone() is not None


def _identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of a file, None without one; `ArtifactError` for a FIFO, on which SQLite would wait."""
    try:
        found = os.stat(path)  # noqa: PTH116  # faster than `Path.stat`
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactError(
            f"The events file cannot be used: {error.strerror}.", "Check the disk and the file permissions."
        ) from error
    if not stat.S_ISREG(found.st_mode):
        raise ArtifactError(f"{Path(path).name} is not a regular file.", "Delete it or move it to another folder.")
    return found.st_dev, found.st_ino


def _is_writable_or_absent(path: str) -> bool:
    """Return whether this account may write a file, or there is none; another process may create it meanwhile."""
    return os.access(path, os.W_OK) or not os.access(path, os.F_OK) or os.access(path, os.W_OK)


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
        raise _sqlite_error(error) from error


def _sqlite_error(error: sqlite3.Error) -> ArtifactError:
    return ArtifactError(f"The events file cannot be used: {error}.", "Check the disk and the file permissions.")
