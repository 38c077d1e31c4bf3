"""Live purchases are counted once, are there when acknowledged, and go when a customer is erased."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smart_retail.errors import DataError
from smart_retail.events import Event, EventStore


def event(number: int = 1, customer: str = "c1", **facts: Any) -> Event:
    data = {
        "event_id": f"e{number}",
        "customer_id": customer,
        "item_id": "i1",
        "timestamp": "2026-01-31T14:05:00",
        "amount": 9.99,
    }
    return Event.from_dict({**data, **facts})


def test_events_come_back_in_their_order(tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    assert store.add([event(2), event(1), event(3, customer="c2")]) == 3
    assert [e.event_id for e in store.of("c1")] == ["e2", "e1"]
    assert [e.sequence for e in store.all()] == [1, 2, 3]
    assert store.last() == 3
    assert [e.event_id for e in store.of("c1", after=1)] == ["e1"]


def test_an_event_sent_twice_counts_once(tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    assert [store.add([event(1), event(1)]), store.add([event(1, customer="other")])] == [1, 0]
    assert [e.customer_id for e in store.all()] == ["c1"]


def test_asking_writes_nothing(tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    assert (store.of("c1"), list(store.all()), store.last(), store.erased(["c1"])) == ([], [], 0, set())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "facts",
    [
        {"event_id": ""},
        {"event_id": 7},
        {"customer_id": "a\0b"},
        {"item_id": "x" * 2000},
        {"timestamp": "yesterday"},
        {"quantity": 0},
        {"quantity": "3"},
        {"quantity": True},
        {"amount": float("nan")},
        {"amount": 1e300},
    ],
)
def test_an_event_that_cannot_be_meant_is_refused_with_a_hint(facts: dict[str, Any]) -> None:
    with pytest.raises(DataError) as error:
        event(1, **facts)
    assert error.value.hint


def test_a_return_has_negative_quantity_and_amount() -> None:
    assert (event(1, quantity=-2).quantity, event(1, quantity=-2).amount) == (-2_000_000, -9_990_000)


def test_an_erased_customer_leaves_no_trace_and_stays_away(tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    name = "Zzyzx-7f3a-unlikely"
    store.add([event(1, customer=name), event(2)])
    assert store.erase(name) == 1
    assert store.add([event(3, customer=name)]) == 0
    assert store.erased([name, "c1"]) == {name}
    assert [e.customer_id for e in store.all()] == ["c1"]
    for path in tmp_path.rglob("*"):
        assert name.encode() not in path.read_bytes(), path


WRITER = """
import sys
from smart_retail.events import Event, EventStore
store = EventStore(sys.argv[1])
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
    found = [e.event_id for e in EventStore(tmp_path).all()]
    assert len(found) == len(set(found))
    assert {f"e{n}" for n in acknowledged} <= set(found)
