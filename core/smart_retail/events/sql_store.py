"""Events in a database that several hosts share, through SQLAlchemy Core. Needs the extra ``postgres``.

Every write transaction first increments the change counter, and so locks its row until the commit. Writers are thereby
serialised: sequence numbers become visible in ascending order, and a reader that continues after the last one misses no
event. Readers poll the same counter.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert as insert_in_postgres
from sqlalchemy.dialects.sqlite import insert as insert_in_sqlite

from smart_retail.errors import ArtifactError, SettingsError
from smart_retail.events.erased_customers import Tombstone, erased_among
from smart_retail.events.event import FIELDS, Event
from smart_retail.events.store import REMOVAL_PREFIX, EventStore, event_key, removal_mark, store_id_of

TIMEOUT_SECONDS: Final = 10
"""Seconds to wait for a connection."""
FETCH_ROWS: Final = 500
"""Rows written or fetched at a time."""
_LOCK: Final = 0x534D4152
"""Advisory lock of PostgreSQL, held while the tables are created: processes that start together create them once."""

_META: Final = sa.MetaData()
_NUMBER: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
EVENTS: Final = sa.Table(
    "smart_retail_events",
    _META,
    sa.Column("sequence", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("event_key", sa.String(64), nullable=False, unique=True),  # ids can exceed the size of an index entry
    *(sa.Column(name, sa.Text, nullable=False) for name in FIELDS[:-2]),
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in FIELDS[-2:]),
    sqlite_autoincrement=True,
)
sa.Index("smart_retail_events_of_customer", EVENTS.c.customer_id, postgresql_using="hash")
COMPACTED: Final = sa.Table("smart_retail_compacted", _META, sa.Column("event_key", sa.String(64), primary_key=True))
ERASED: Final = sa.Table(
    "smart_retail_erased",
    _META,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("erased_on", sa.String(10), nullable=False),
)
_POOLS: Final[dict[tuple[str, int], sa.Engine]] = {}
"""Connection pools by URL and process id."""
_POOLS_LOCK: Final = threading.Lock()
STATE: Final = sa.Table(
    "smart_retail_state",
    _META,
    sa.Column("one", sa.Integer, primary_key=True),
    sa.Column("changes", sa.BigInteger, nullable=False),
    sa.Column("salt", sa.String(32), nullable=False),
)

_CHANGES: Final = f"SELECT changes FROM {STATE.name}"  # noqa: S608


def postgres_url(text: str, named: str) -> str:
    """Return the URL of a PostgreSQL database with the driver of the extra ``postgres``.

    Raises
    ------
    SettingsError
        The URL, read from the variable or option `named`, is not valid or of another database. The message does not
        contain the URL, which may hold a password.
    """
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise SettingsError(f"{named} is not a valid database URL.", _FORM) from error
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise SettingsError(f"{named} names a database other than PostgreSQL.", _FORM)
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


_FORM: Final = "Write postgresql://USER@HOST/DATABASE."


class SqlEventStore(EventStore):
    """Events of one database.

    Parameters
    ----------
    url : str
        SQLAlchemy URL. Missing tables are created.
    artifacts : path, optional
        As for `EventStore`.
    """

    def __init__(self, url: str, artifacts: str | os.PathLike[str] | None = None) -> None:
        super().__init__(artifacts)
        self._url = url

    def add(self, events: Iterable[Event], above: int = 0) -> int:
        rows, new = list(events), 0
        with self._transaction() as connection:
            _continue_above(connection, above)
            tombstones = _select_tombstones(connection) | self.erased_customers.read()
            erased = erased_among({e.customer_id for e in rows}, tombstones)
            compacted = _compacted_among(connection, [event_key(e.event_id) for e in rows])
            wanted = [
                row
                for e in rows
                if e.customer_id not in erased and (row := _event_row(e))["event_key"] not in compacted
            ]
            insert = insert_in_postgres if connection.dialect.name == "postgresql" else insert_in_sqlite
            for start in range(0, len(wanted), FETCH_ROWS):
                part = wanted[start : start + FETCH_ROWS]
                put = insert(EVENTS).values(part).on_conflict_do_nothing().returning(EVENTS.c.sequence)
                new += len(connection.execute(put).all())
        return new

    def for_customer(self, customer_id: str, after: int = 0) -> list[Event]:
        return list(self._select(EVENTS.c.customer_id == customer_id, EVENTS.c.sequence > after))

    def all(self, after: int = 0) -> Iterator[Event]:
        return self._select(EVENTS.c.sequence > after)

    def state(self) -> tuple[str, int]:
        deletions = sa.select(sa.func.count()).select_from(ERASED).scalar_subquery()
        with self._connection() as connection:
            salt, count = connection.execute(sa.select(STATE.c.salt, deletions)).one()
        return store_id_of(salt), int(count)

    def last_sequence(self) -> int:
        return self._number(sa.select(sa.func.coalesce(sa.func.max(EVENTS.c.sequence), 0)))

    def erase(self, customer_id: str) -> int:
        with self._transaction() as connection:
            gone = connection.execute(sa.delete(EVENTS).where(EVENTS.c.customer_id == customer_id)).rowcount
            mark = Tombstone.of(self._salt(connection), customer_id).digest
            if not connection.scalar(sa.select(ERASED.c.hash).where(ERASED.c.hash == mark)):
                today = datetime.now(UTC).date().isoformat()
                connection.execute(sa.insert(ERASED).values(hash=mark, erased_on=today))
        with self._connection() as connection:
            # Remove deleted rows from the disk; write-ahead log and backups are the responsibility of the operator.
            connection.exec_driver_sql(f"VACUUM {EVENTS.name if connection.dialect.name == 'postgresql' else ''}")
        return gone

    def remove(self, event_id: str) -> bool:
        key = event_key(event_id)
        with self._transaction() as connection:
            gone = connection.execute(sa.delete(EVENTS).where(EVENTS.c.event_key == key)).rowcount
            if gone:
                today = datetime.now(UTC).date().isoformat()
                connection.execute(sa.insert(ERASED).values(hash=removal_mark(), erased_on=today))
        return gone > 0

    def compact(self, through: int, before: str) -> int:
        chosen = sa.and_(EVENTS.c.sequence <= through, EVENTS.c.timestamp < before)
        with self._transaction() as connection:
            keys = sa.select(EVENTS.c.event_key).where(
                chosen, EVENTS.c.event_key.not_in(sa.select(COMPACTED.c.event_key))
            )
            connection.execute(sa.insert(COMPACTED).from_select(["event_key"], keys))
            return int(connection.execute(sa.delete(EVENTS).where(chosen)).rowcount)

    def stored_tombstones(self) -> set[Tombstone]:
        with self._connection() as connection:
            return _select_tombstones(connection)

    def change_counter(self) -> Callable[[], object]:
        open_connections: list[sa.Connection] = []

        def select_counter() -> int:
            return int(open_connections[0].exec_driver_sql(_CHANGES).scalar_one())

        def read_counter() -> int:
            # Called before every response: with a connection that stays open it takes a fifth of the time.
            with _translate_errors():
                if open_connections:
                    try:
                        return select_counter()
                    except sa.exc.DBAPIError:  # the server may have been restarted
                        open_connections.pop().invalidate()
                open_connections.append(_pool(self._url).connect().execution_options(isolation_level="AUTOCOMMIT"))
                return select_counter()

        return read_counter

    @staticmethod
    def _salt(connection: sa.Connection) -> str:
        return str(connection.scalar(sa.select(STATE.c.salt)))

    def _number(self, query: sa.Select[Any]) -> int:
        with self._connection() as connection:
            return int(connection.scalar(query) or 0)

    def _select(self, *conditions: sa.ColumnElement[bool]) -> Iterator[Event]:
        columns = [EVENTS.c[name] for name in (*FIELDS, "sequence")]
        query = sa.select(*columns).where(*conditions).order_by(EVENTS.c.sequence)
        with (
            _translate_errors(),
            _pool(self._url).connect() as connection,
            connection.execute(query, execution_options={"yield_per": FETCH_ROWS}) as rows,
        ):
            for row in rows:
                yield Event(*row)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        """Open a write transaction, durable at its end; other writers wait."""
        with _translate_errors(), _pool(self._url).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
            connection.execute(sa.update(STATE).values(changes=STATE.c.changes + 1))
            yield connection

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        """Open a connection without a transaction, so that a query takes one round trip."""
        with _translate_errors(), _pool(self._url).connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")


def _continue_above(connection: sa.Connection, above: int) -> None:
    """Number the next events above `above`, if they would have a lower number; the transaction excludes others."""
    if not above:
        return
    if connection.dialect.name == "postgresql":
        name = sa.func.pg_get_serial_sequence(EVENTS.name, "sequence")
        last = connection.scalar(sa.select(sa.func.pg_sequence_last_value(sa.cast(name, postgresql.REGCLASS))))
        if int(last or 0) < above:
            connection.execute(sa.select(sa.func.setval(sa.cast(name, postgresql.REGCLASS), above)))
        return
    numbers = sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
    last = connection.scalar(sa.select(numbers.c.seq).where(numbers.c.name == EVENTS.name))
    if last is None:
        connection.execute(sa.insert(numbers).values(name=EVENTS.name, seq=above))
    elif int(last) < above:
        connection.execute(sa.update(numbers).where(numbers.c.name == EVENTS.name).values(seq=above))


def _compacted_among(connection: sa.Connection, keys: list[str]) -> set[str]:
    """Return those of the keys whose events were compacted."""
    parts = (keys[start : start + FETCH_ROWS] for start in range(0, len(keys), FETCH_ROWS))
    query = sa.select(COMPACTED.c.event_key)
    return {key for part in parts for key in connection.scalars(query.where(COMPACTED.c.event_key.in_(part)))}


def _select_tombstones(connection: sa.Connection) -> set[Tombstone]:
    """Return the tombstones of the database, without the marks of removed events."""
    hashes = connection.scalars(sa.select(ERASED.c.hash).where(ERASED.c.hash.not_like(f"{REMOVAL_PREFIX}%"))).all()
    salt = connection.scalar(sa.select(STATE.c.salt)) if hashes else ""
    return {Tombstone(str(salt), found) for found in hashes}


def _event_row(event: Event) -> dict[str, object]:
    return {"event_key": event_key(event.event_id), **{name: getattr(event, name) for name in FIELDS}}


def _pool(url: str) -> sa.Engine:
    """Return the pool of this process, after creating missing tables. A forked process gets a pool of its own."""
    key = (url, os.getpid())
    with _POOLS_LOCK:
        if key not in _POOLS:
            _POOLS[key] = _create_pool(url)
        return _POOLS[key]


def close_pools() -> None:
    """Close the connection pools of this process; a store opens a new one when it is used again."""
    with _POOLS_LOCK:
        for key in [key for key in _POOLS if key[1] == os.getpid()]:
            _POOLS.pop(key).dispose()


def _create_pool(url: str) -> sa.Engine:
    options: dict[str, Any] = (
        {"connect_timeout": TIMEOUT_SECONDS} if url.startswith("postgresql") else {"timeout": TIMEOUT_SECONDS}
    )
    pool = sa.create_engine(url, connect_args=options, pool_pre_ping=True, hide_parameters=True)
    with pool.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        _META.create_all(connection)
        if connection.scalar(sa.select(STATE.c.one)) is None:
            connection.execute(sa.insert(STATE).values(one=1, changes=0, salt=secrets.token_hex(16)))
    return pool


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        # The text of the error may contain addresses and values.
        cause = getattr(error, "orig", None) or error
        raise ArtifactError(
            f"The events database cannot be used ({type(cause).__name__}).",
            "Check the database and SMART_RETAIL_EVENTS_URL.",
        ) from error
