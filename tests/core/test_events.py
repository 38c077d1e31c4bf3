"""Events are counted once, durable when acknowledged, and removed when a customer is erased; tested for every store."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import close_pools

from smart_retail.errors import ArtifactError, DataError, SettingsError
from smart_retail.events import (
    URL_VARIABLE,
    Event,
    EventStore,
    RecentEvents,
    SqliteEventStore,
    open_events,
    sqlite_store,
)

Open = Callable[[], EventStore]
"""Opens the store of a test, as another process would."""


def event(number: int = 1, customer: str = "c1", **facts: Any) -> Event:
    data = {
        "event_id": f"e{number}",
        "customer_id": customer,
        "item_id": "i1",
        "timestamp": "2026-01-31T14:05:00",
        "amount": 9.99,
    }
    return Event.from_dict({**data, **facts})


@pytest.fixture(params=["sqlite", "sqlalchemy over sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    if request.param == "sqlite":
        yield lambda: SqliteEventStore(tmp_path)
        return
    pytest.importorskip("sqlalchemy", reason="the extra postgres is not installed")
    from smart_retail.events.sql_store import SqlEventStore

    url = request.getfixturevalue("postgres") if request.param == "postgres" else f"sqlite:///{tmp_path}/database"
    yield lambda: SqlEventStore(url)
    close_pools()


@pytest.fixture
def store(opened: Open) -> EventStore:
    return opened()


def test_events_are_read_in_order(store: EventStore) -> None:
    assert store.add([event(2), event(1), event(3, customer="c3")]) == 3
    assert [e.event_id for e in store.for_customer("c1")] == ["e2", "e1"]
    first, second, third = (e.sequence for e in store.all())
    assert 0 < first < second < third == store.last_sequence()
    assert [e.event_id for e in store.for_customer("c1", after=first)] == ["e1"]
    assert [e.event_id for e in store.all(second)] == ["e3"]


def test_an_event_is_read_unchanged(store: EventStore) -> None:
    odd = "é'\"\\%_;\n\u202e🜚" + "🜛" * 900
    sent = [
        event(1, customer=odd, event_id=odd, item_id=odd, order_id=odd, quantity=-1e9, amount=123456789.123456),
        event(2, quantity=0.5),
    ]
    store.add(sent)
    found = list(store.all())
    assert [{**_plain(e), "sequence": 0} for e in found] == [_plain(e) for e in sent]


def _plain(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in Event.__slots__}


def test_an_event_sent_twice_counts_once(store: EventStore, opened: Open) -> None:
    assert store.add([event(1), event(1)]) == 1
    assert opened().add([event(1, customer="other"), event(2)]) == 1
    assert [e.customer_id for e in store.all()] == ["c1", "c1"]


def test_more_events_than_fit_in_one_statement_are_stored(store: EventStore) -> None:
    many = [event(number) for number in range(1203)]
    assert store.add(many[:700]) == 700
    assert store.add(many) == 503
    assert [e.event_id for e in store.all()] == [f"e{number}" for number in range(1203)]


def test_a_new_store_is_empty(store: EventStore) -> None:
    assert (store.for_customer("c1"), list(store.all()), store.last_sequence(), store.count_erased()) == ([], [], 0, 0)
    assert store.erased_among(["c1"]) == set()
    assert not RecentEvents(store, 0).for_customer("c1")


def test_a_process_waits_while_another_creates_the_store(tmp_path: Path) -> None:
    def first_use(folder: Path, number: int, at_once: threading.Barrier, results: list[Any]) -> None:
        store = SqliteEventStore(folder)
        at_once.wait()
        try:
            results.append(store.add([event(number)]) if number % 2 else store.erased_among(["c2"]))
        except ArtifactError as error:
            results.append(error)

    for trial in range(40):
        folder, at_once, results = tmp_path / str(trial), threading.Barrier(8), []
        folder.mkdir()
        threads = [threading.Thread(target=first_use, args=(folder, number, at_once, results)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results, key=str) == [1] * 4 + [set()] * 4
        assert SqliteEventStore(folder).last_sequence() == 4


def test_a_database_that_is_created_during_the_check_is_not_taken_for_a_replacement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, identity = SqliteEventStore(tmp_path), sqlite_store._identity
    opened: list[sqlite3.Connection] = []

    def create_after(path: str) -> tuple[int, int] | None:
        found = identity(path)
        if not opened:
            opened.append(sqlite3.connect(store.path))
            opened[0].execute("PRAGMA journal_mode = WAL")
            opened[0].execute("CREATE TABLE t (x)")
        return found

    monkeypatch.setattr(sqlite_store, "_identity", create_after)
    store.check_file()
    assert Path(f"{store.path}-wal").exists()
    assert store.check_file() == identity(str(store.path))
    opened[0].close()


def test_reading_the_embedded_store_writes_nothing(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path)
    assert (store.for_customer("c1"), list(store.all()), store.last_sequence(), store.erased_among(["c1"])) == (
        [],
        [],
        0,
        set(),
    )
    assert not RecentEvents(store, 0).for_customer("c1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "facts",
    [
        {"event_id": ""},
        {"event_id": 7},
        {"customer_id": "a\0b"},
        {"customer_id": "half \ud83d of a pair"},
        {"item_id": "x" * 2000},
        {"timestamp": "yesterday"},
        {"quantity": 0},
        {"quantity": "3"},
        {"quantity": True},
        {"amount": float("nan")},
        {"amount": 1e300},
        {"amount": -1.0001e9},
        {"quantity": 10**400},
        {"timestamp": "2200-01-01"},
        {"timestamp": "9999-12-31T23:59:59"},
    ],
)
def test_an_event_that_is_not_valid_is_rejected_with_a_hint(facts: dict[str, Any]) -> None:
    with pytest.raises(DataError) as error:
        event(1, **facts)
    assert error.value.hint


def test_an_event_is_dated_at_most_two_days_after_today() -> None:
    data = {"event_id": "e", "customer_id": "c", "item_id": "i"}
    now = datetime(2026, 1, 30, 23, 59, tzinfo=UTC)
    assert Event.from_dict({**data, "timestamp": "2026-02-01T23:59:59"}, now).timestamp == "2026-02-01T23:59:59"
    with pytest.raises(DataError, match="more than 2 days in the future"):
        Event.from_dict({**data, "timestamp": "2026-02-02"}, now)


def test_an_error_names_the_limit_of_a_line() -> None:
    assert event(1, amount=1e9).amount == 10**15
    with pytest.raises(DataError, match="amount of an event is larger than 1,000,000,000"):
        event(1, amount=1e12)


def test_a_return_has_negative_quantity_and_amount() -> None:
    assert (event(1, quantity=-2).quantity, event(1, quantity=-2).amount) == (-2_000_000, -9_990_000)


def test_the_lines_for_the_next_fit_include_the_last_event(store: EventStore, tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    assert store.write_csv(path) == 0
    store.add([event(1, quantity=-2), event(2, order_id="o,9")])
    assert store.write_csv(path) == store.last_sequence()
    assert path.read_text(encoding="utf-8").splitlines()[1:] == [
        "c1,e1,i1,2026-01-31T14:05:00,-2.000000,-9.990000",
        'c1,"o,9",i1,2026-01-31T14:05:00,1.000000,9.990000',
    ]


def test_events_that_add_up_to_too_much_are_named(store: EventStore, tmp_path: Path) -> None:
    large = [Event(f"e{n}", "c1", "o", "i1", "2026-01-31T14:05:00", 10**6, 10**18 + (n == 4)) for n in range(10)]
    store.add(large[:9])
    assert store.write_csv(tmp_path / "lines.csv") > 0
    store.add(large)
    with pytest.raises(DataError, match=r"stored events add up to more than .* 'e4'"):
        store.write_csv(tmp_path / "lines.csv")


def test_events_of_an_erased_customer_are_not_stored(store: EventStore, opened: Open) -> None:
    store.add([event(1, customer="gone"), event(2)])
    assert store.erase("gone") == 1
    assert opened().add([event(3, customer="gone"), event(4)]) == 1
    assert opened().erased_among(["gone", "c1"]) == {"gone"}
    assert [e.event_id for e in store.all()] == ["e2", "e4"]
    assert (store.erase("gone"), store.count_erased()) == (0, 1)


def test_a_removed_event_is_gone_from_every_view(store: EventStore, opened: Open) -> None:
    assert not store.remove("e1")
    store.add([event(1), event(2), event(3, customer="c3")])
    store.erase("c3")
    live = RecentEvents(store, 0)
    assert [e.event_id for e in live.for_customer("c1")] == ["e1", "e2"]
    assert opened().remove("e1")
    assert not opened().remove("e1")
    assert [e.event_id for e in live.for_customer("c1")] == [e.event_id for e in store.all()] == ["e2"]
    assert store.count_erased() == 1
    assert store.add([event(1, amount=1)]) == 1
    assert [e.event_id for e in live.for_customer("c1")] == ["e2", "e1"]


def test_compacted_events_are_gone_but_count_once(store: EventStore, opened: Open) -> None:
    assert store.compact(100, "2027-01-01") == 0
    store.add([event(n, timestamp=f"2026-01-{n:02}T10:00:00") for n in range(1, 7)])
    numbers = [e.sequence for e in store.all()]
    live = RecentEvents(store, numbers[3])
    assert [e.event_id for e in live.for_customer("c1")] == ["e5", "e6"]
    assert opened().compact(numbers[3], "2026-01-03") == 2
    assert [e.event_id for e in store.all()] == ["e3", "e4", "e5", "e6"]
    assert store.add([event(1), event(2), event(7)]) == 1
    assert opened().compact(numbers[3], "2027-01-01") == 2
    assert [e.event_id for e in store.all()] == ["e5", "e6", "e7"]
    assert [e.event_id for e in live.for_customer("c1")] == ["e5", "e6", "e7"]
    assert store.last_sequence() > numbers[5]


def test_an_erased_customer_leaves_no_trace(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path)
    name = "Zzyzx-7f3a-unlikely"
    store.add([event(1, customer=name), event(2)])
    assert store.erase(name) == 1
    for path in tmp_path.rglob("*"):
        assert name.encode() not in path.read_bytes(), path


def test_a_view_outlives_the_connections_of_its_database(postgres: str) -> None:
    import sqlalchemy as sa

    from smart_retail.events.sql_store import SqlEventStore

    store = SqlEventStore(postgres)
    live = RecentEvents(store, 0)
    store.add([event(1)])
    assert len(live.for_customer("c1")) == 1
    engine = sa.create_engine(postgres, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert connection.exec_driver_sql(f"SELECT count(pg_terminate_backend(pid)) {others}").scalar_one() > 0
    store.add([event(2)])
    assert len(live.for_customer("c1")) == 2


class Counted:
    """Counts the events that were read."""

    def __init__(self, log: EventStore) -> None:
        self.log = log
        self.read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)

    def all(self, after: int = 0) -> Iterator[Event]:
        for event in self.log.all(after):
            self.read += 1
            yield event


def test_only_new_events_are_read(store: EventStore, opened: Open) -> None:
    store.add([event(number) for number in range(5)])
    after = store.last_sequence()
    log = Counted(store)
    live = RecentEvents(log, after)  # type: ignore[arg-type]
    assert not live.for_customer("c1")
    for number in range(10, 20):
        opened().add([event(number), event(number + 100, customer="c2")])
        assert [e.event_id for e in live.for_customer("c1")] == [f"e{n}" for n in range(10, number + 1)]
        assert len(live.for_customer("c2")) == number - 9
    assert log.read == 20 + 9  # the newest known event is read again, to notice a replaced store
    assert not any(live.for_customer("c3") for _ in range(3))
    assert log.read == 20 + 9


def test_after_an_erasure_everything_is_read_again(store: EventStore, opened: Open) -> None:
    log = Counted(store)
    live = RecentEvents(log, 0)  # type: ignore[arg-type]
    opened().add([event(1), event(2, customer="gone"), event(3)])
    assert len(live.for_customer("gone")) == 1
    opened().erase("gone")
    opened().add([event(4), event(5, customer="gone")])
    assert not live.for_customer("gone")
    assert [e.event_id for e in live.for_customer("c1")] == ["e1", "e3", "e4"]
    assert log.read == 3 + 3


def test_events_are_numbered_above_those_of_the_active_version(store: EventStore, opened: Open) -> None:
    assert store.add([event(1)], above=100) == 1
    assert store.last_sequence() > 100
    assert opened().add([event(2)], above=50) == 1
    assert [e.event_id for e in store.all(100)] == ["e1", "e2"]
    assert opened().add([event(3)], above=1000) == 1
    assert [e.event_id for e in store.all(1000)] == ["e3"]


def test_all_events_of_another_store_are_newer_than_the_fit(store: EventStore) -> None:
    store.add([event(1), event(2)])
    assert [e.event_id for e in RecentEvents(store, 1, store.store_id()).for_customer("c1")] == ["e2"]
    assert [e.event_id for e in RecentEvents(store, 1, "of another store").for_customer("c1")] == ["e1", "e2"]
    assert [e.event_id for e in RecentEvents(store, 1).for_customer("c1")] == ["e2"]


def copy_of(store: SqliteEventStore, path: Path) -> Path:
    """Return a backup of the events made by SQLite."""
    with closing(sqlite3.connect(store.path)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return path


def test_a_view_follows_a_file_that_was_replaced(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path)
    store.add([event(number) for number in range(3)])
    backup = copy_of(store, tmp_path / "backup")
    live = RecentEvents(store, 0, store.store_id())
    assert len(live.for_customer("c1")) == 3
    store.add([event(number) for number in range(3, 6)])
    assert len(live.for_customer("c1")) == 6
    remove_files(store)
    backup.replace(store.path)
    assert len(live.for_customer("c1")) == 3
    store.add([event(10)], above=6)  # numbers 4 to 6 were used before
    assert [e.event_id for e in live.for_customer("c1")] == ["e0", "e1", "e2", "e10"]
    assert store.last_sequence() == 7


def test_a_view_follows_a_file_that_was_removed_and_created_again(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path)
    store.add([event(number) for number in range(3)])
    live = RecentEvents(store, 2, store.store_id())
    assert [e.event_id for e in live.for_customer("c1")] == ["e2"]
    remove_files(store)
    assert not live.for_customer("c1")
    store.add([event(10)])
    assert [e.event_id for e in live.for_customer("c1")] == ["e10"]


def test_a_view_follows_events_that_sqlite_restored_in_place(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path)
    store.add([event(number) for number in range(3)])
    backup = copy_of(store, tmp_path / "backup")
    store.add([event(number) for number in range(3, 6)])
    live = RecentEvents(store, 0, store.store_id())
    assert len(live.for_customer("c1")) == 6
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(store.path)) as target:
        source.backup(target)
    store.add([event(number) for number in range(20, 25)])
    assert [e.event_id for e in live.for_customer("c1")] == ["e0", "e1", "e2", *(f"e{n}" for n in range(20, 25))]


def remove_files(store: SqliteEventStore) -> None:
    for path in store.path.parent.glob("events.sqlite*"):
        path.unlink()


def test_a_log_of_a_replaced_file_is_not_mixed_with_the_new_file(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path)
    store.add([event(1)])
    backup = copy_of(store, tmp_path / "backup")
    live = RecentEvents(store, 0)
    assert len(live.for_customer("c1")) == 1
    store.add([event(2)])
    assert len(live.for_customer("c1")) == 2
    backup.replace(store.path)
    for call in (lambda: live.for_customer("c1"), lambda: store.add([event(3)]), store.last_sequence):
        with pytest.raises(ArtifactError, match="was replaced, but the write-ahead log") as error:
            call()
        assert "events.sqlite-wal" in error.value.hint
    for ending in ("-wal", "-shm"):
        store.path.with_name(store.path.name + ending).unlink()
    store.add([event(3)])
    assert [e.event_id for e in live.for_customer("c1")] == ["e1", "e3"]


def test_no_store_creates_its_folder(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "missing")
    for call in (lambda: store.add([event()]), lambda: store.erase("c1")):
        with pytest.raises(ArtifactError, match="artifacts folder does not exist"):
            call()
    assert (store.last_sequence(), list(tmp_path.iterdir())) == (0, [])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs")
@pytest.mark.parametrize("name", ["events.sqlite", "events.sqlite-wal", "erased.txt"])
def test_a_fifo_does_not_hang_a_store(tmp_path: Path, name: str) -> None:
    store = SqliteEventStore(tmp_path)
    if name != "events.sqlite":
        store.add([event(1)])
    os.mkfifo(tmp_path / name)
    for call in (lambda: store.add([event(2)]), lambda: store.erased_among(["c1"])):
        with pytest.raises(ArtifactError):
            call()


def test_events_are_read_after_a_failed_read(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    live = RecentEvents(store, 0)
    store.add([event(1), event(2)])
    whole = type(store).all

    def broken(self: EventStore, after: int = 0) -> Iterator[Event]:
        yield next(whole(self, after))
        raise ArtifactError("The disk is gone.")

    monkeypatch.setattr(type(store), "all", broken)
    with pytest.raises(ArtifactError):
        live.for_customer("c1")
    monkeypatch.undo()
    assert [e.event_id for e in live.for_customer("c1")] == ["e1", "e2"]


def test_threads_share_the_events_and_each_gets_the_newest(store: EventStore, opened: Open) -> None:
    log = Counted(store)
    live = RecentEvents(log, 0)  # type: ignore[arg-type]
    stale: list[str] = []

    def shop(name: str) -> None:
        for number in range(15):
            opened().add([event(0, customer=name, event_id=f"{name}-{number}")])
            seen = [e.event_id for e in live.for_customer(name)]
            if seen != [f"{name}-{k}" for k in range(number + 1)]:
                stale.append(f"{name} {number}: {seen}")

    threads = [threading.Thread(target=shop, args=(f"shop {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stale == []
    assert 4 * 15 <= log.read <= 2 * 4 * 15  # each read repeats at most the newest known event


def test_readers_that_continue_after_the_last_event_miss_none(opened: Open) -> None:
    """With several writers, no event becomes visible below one that was read."""
    opened().add([event(0, customer="start")])
    seen: list[int] = []
    stop = threading.Event()

    def read() -> None:
        log, last = opened(), 0
        while True:
            ending = stop.is_set()  # read before the last query, which then returns all events
            for found in log.all(last):
                last = found.sequence
                seen.append(last)
            if ending:
                return

    def write(shop: int) -> None:
        for number in range(20):
            opened().add([event(1000 * shop + 10 * number + k) for k in range(3)])

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(shop,)) for shop in range(1, 5)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert seen == [e.sequence for e in opened().all()]
    assert len(seen) == 1 + 4 * 20 * 3


def test_a_url_selects_the_database(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="the extra postgres is not installed")
    assert isinstance(open_events(tmp_path, {}), SqliteEventStore)
    assert not isinstance(open_events(tmp_path, {URL_VARIABLE: "postgresql://shop@db.example/shop"}), SqliteEventStore)
    for wrong in ("mysql://shop:secret@db.example/shop", "secret", "sqlite:///events"):
        with pytest.raises(SettingsError) as error:
            open_events(tmp_path, {URL_VARIABLE: wrong})
        assert "secret" not in error.value.message + error.value.hint


def test_an_unavailable_database_is_an_error_without_its_address(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    log = open_events(tmp_path, {URL_VARIABLE: "postgresql://shop:secret@127.0.0.1:9/shop"})
    for call in (
        log.last_sequence,
        lambda: log.add([event()]),
        lambda: RecentEvents(log, 0).for_customer("c1"),
        lambda: list(log.all()),
    ):
        with pytest.raises(ArtifactError) as error:
            call()
        assert error.value.hint
        assert "secret" not in error.value.message
        assert "127.0.0.1" not in error.value.message


WRITER = """
import sys
from smart_retail.events import Event, SqliteEventStore
store = SqliteEventStore(sys.argv[1])
for number in range(int(sys.argv[2]), 10**6):
    event = Event(f"e{number}", "c1", "o", "i1", "2026-01-31T14:05:00", 10**6, 10**6)
    store.add([event])
    print(number, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not there")
def test_every_acknowledged_event_survives_a_kill(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    for attempt in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(attempt * 1000)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            acknowledged += [int(process.stdout.readline()) for _ in range(5 + 3 * attempt)]
            process.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in process.stdout.read().split("\n") if line.isdigit()]
    found = [e.event_id for e in SqliteEventStore(tmp_path).all()]
    assert len(found) == len(set(found))
    assert {f"e{n}" for n in acknowledged} <= set(found)
