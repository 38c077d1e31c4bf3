"""What happened since the last fit: purchases, returns and erasures, kept in SQLite beside the bundle.

In: events of the shop, each with an id of its own. Out: the same events, acknowledged only when they
are on the disk, each counted once however often it was sent. Erased customers leave a salted
hash behind, so that they can be kept out without being known.
"""

from __future__ import annotations

import csv
import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from smart_retail.errors import ArtifactError, DataError

FILE: Final = "events.sqlite"
MAX_TEXT: Final = 1000
MILLION: Final = 1_000_000
LARGEST: Final = 1e12
"""Quantities and amounts beyond this are mistakes."""

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
_COLUMNS = ("event_id", "customer_id", "order_id", "item_id", "timestamp", "quantity", "amount")


@dataclass(frozen=True, slots=True)
class Event:
    """A purchase (quantity above 0) or a return (below 0) of one item."""

    event_id: str
    customer_id: str
    order_id: str
    item_id: str
    timestamp: str
    """ISO 8601 in the shop's own time."""
    quantity: int
    """Millionths."""
    amount: int
    """Net revenue of the line, millionths; negative for a return."""
    sequence: int = 0
    """Place in the store, 1 and up; 0 before it is stored."""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Event:
        """An event of plain data; the order defaults to the event itself.

        Raises
        ------
        DataError
            A value is missing or cannot be what it should be.
        """
        texts = {name: _text(data, name) for name in ("event_id", "customer_id", "item_id", "timestamp")}
        try:
            day = datetime.fromisoformat(texts["timestamp"])
        except ValueError as error:
            raise DataError(
                f"The timestamp {texts['timestamp']!r} is no ISO date.", "Write 2026-01-31T14:05:00."
            ) from error
        quantity, amount = _millionths(data, "quantity", 1), _millionths(data, "amount", 0)
        if quantity == 0:
            raise DataError(
                "The quantity of an event is 0.", "Give what was bought, or a negative number for a return."
            )
        return cls(
            texts["event_id"],
            texts["customer_id"],
            _text(data, "order_id") if data.get("order_id") else texts["event_id"],
            texts["item_id"],
            day.replace(tzinfo=None).isoformat(timespec="seconds"),
            quantity,
            abs(amount) if quantity > 0 else -abs(amount),
        )


class EventStore:
    """Events of one artifacts folder. Safe for several processes at once."""

    def __init__(self, artifacts: str | os.PathLike[str]) -> None:
        self.path = Path(artifacts) / FILE

    def add(self, events: Iterable[Event]) -> int:
        """Store events durably; how many were new. Ids that are there already, and erased customers, change nothing."""
        rows = list(events)
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            erased = self._erased(connection, {e.customer_id for e in rows})
            before = connection.total_changes
            connection.executemany(
                f"INSERT OR IGNORE INTO events ({', '.join(_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                [tuple(getattr(e, c) for c in _COLUMNS) for e in rows if e.customer_id not in erased],
            )
            return connection.total_changes - before

    def of(self, customer_id: str, after: int = 0) -> list[Event]:
        """The events of one customer with a sequence above `after`, oldest first."""
        return (
            list(self._select("customer_id = ? AND sequence > ?", (customer_id, after))) if self.path.exists() else []
        )

    def all(self, after: int = 0) -> Iterator[Event]:
        """Every event with a sequence above `after`, oldest first."""
        return self._select("sequence > ?", (after,)) if self.path.exists() else iter(())

    def write_csv(self, path: Path) -> int:
        """Write every event as order lines in canonical columns; the newest event's sequence, 0 without any."""
        last = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(_COLUMNS[1:])
            for event in self.all():
                texts = (event.customer_id, event.order_id, event.item_id, event.timestamp)
                out.writerow((*texts, f"{event.quantity / MILLION:.6f}", f"{event.amount / MILLION:.6f}"))
                last = event.sequence
        return last

    def last(self) -> int:
        """Sequence of the newest event, 0 without any."""
        if not self.path.exists():
            return 0
        with self._open() as connection:
            return int(connection.execute("SELECT COALESCE(MAX(sequence), 0) FROM events").fetchone()[0])

    def erase(self, customer_id: str) -> int:
        """Remove a customer's events and leave a tombstone; how many events went."""
        with self._open() as connection:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                gone = connection.execute("DELETE FROM events WHERE customer_id = ?", (customer_id,)).rowcount
                mark = _mark(self._salt(connection), customer_id)
                today = datetime.now(UTC).date().isoformat()
                connection.execute("INSERT OR IGNORE INTO erased VALUES (?, ?)", (mark, today))
            # Deleted rows are overwritten (secure_delete), and no copy of them stays in the log or in free pages.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def has_erased(self) -> bool:
        """Whether anybody was erased."""
        if not self.path.exists():
            return False
        with self._open() as connection:
            return connection.execute("SELECT 1 FROM erased LIMIT 1").fetchone() is not None

    def erased(self, customer_ids: Iterable[str]) -> set[str]:
        """Those of the customers who were erased."""
        if not self.path.exists():
            return set()
        with self._open() as connection:
            return self._erased(connection, set(customer_ids))

    def _erased(self, connection: sqlite3.Connection, customer_ids: set[str]) -> set[str]:
        marks = {row[0] for row in connection.execute("SELECT hash FROM erased")}
        if not marks:
            return set()
        salt = self._salt(connection)
        return {c for c in customer_ids if _mark(salt, c) in marks}

    @staticmethod
    def _salt(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT OR IGNORE INTO facts VALUES ('salt', ?)", (secrets.token_hex(16),))
        return str(connection.execute("SELECT value FROM facts WHERE name = 'salt'").fetchone()[0])

    def _select(self, where: str, values: Sequence[object]) -> Iterator[Event]:
        with self._open() as connection:
            names = ", ".join((*_COLUMNS, "sequence"))
            for row in connection.execute(f"SELECT {names} FROM events WHERE {where} ORDER BY sequence", values):  # noqa: S608
                yield Event(*row)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA secure_delete = ON")
                connection.executescript(_SCHEMA)
                yield connection
        except sqlite3.Error as error:
            raise ArtifactError(
                f"The events file cannot be used: {error}.", "Look at the disk and the file's rights."
            ) from error


class LiveEvents:
    """Events since a fit, by customer, kept in memory as long as the file does not change."""

    def __init__(self, artifacts: str | os.PathLike[str], after: int) -> None:
        self._store = EventStore(artifacts)
        self._after = after
        self._local = threading.local()

    def of(self, customer_id: str) -> list[Event]:
        """The customer's events since the fit, oldest first."""
        if not self._store.path.exists():
            return []
        if self._changed():
            found: dict[str, list[Event]] = {}
            for event in self._store.all(self._after):
                found.setdefault(event.customer_id, []).append(event)
            # By thread, as the version it belongs to: a slower thread never puts an older view in its place.
            self._local.by_customer = found
        by_customer: dict[str, list[Event]] = self._local.by_customer
        return by_customer.get(customer_id, [])

    def _changed(self) -> bool:
        """Whether any process has committed since this thread looked: SQLite's own counter of a connection."""
        if not hasattr(self._local, "connection"):
            self._local.connection = sqlite3.connect(self._store.path, timeout=10, isolation_level=None)
            self._local.version = None
        version = self._local.connection.execute("PRAGMA data_version").fetchone()[0]
        changed, self._local.version = version != self._local.version, version
        return bool(changed)


def _mark(salt: str, customer_id: str) -> str:
    return hashlib.blake2b(customer_id.encode("utf-8", "replace"), key=bytes.fromhex(salt), digest_size=32).hexdigest()


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value or len(value) > MAX_TEXT or "\0" in value:
        raise DataError(
            f"The {name} of an event is missing or no text.", f"Give {name} as a text of at most {MAX_TEXT} characters."
        )
    return value


def _millionths(data: dict[str, Any], name: str, default: float) -> int:
    value = data.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise DataError(f"The {name} of an event is no number.", f"Give {name} as a number.")
    return round(value * MILLION)
