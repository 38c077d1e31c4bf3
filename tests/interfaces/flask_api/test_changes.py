"""Purchases come in and customers are forgotten: by admins only, durably, each event once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_engine import FakeEngine

from smart_retail.bundle.versions import lock
from smart_retail.events import SqliteEventStore
from smart_retail_flask.app import create_app
from smart_retail_flask.request_models import MAX_BATCH_IDS
from smart_retail_flask.settings import ApiKey, ApiSettings, new_key

EVENT = {"event_id": "e1", "customer_id": "A/B", "item_id": "P-001", "timestamp": "2026-01-31T14:05:00"}


class Kept(FakeEngine):
    def __init__(self, artifacts: Path) -> None:
        super().__init__()
        self.artifacts = artifacts


@pytest.fixture
def client(tmp_path: Path) -> Any:
    return create_app(Kept(tmp_path)).test_client()


def event(number: int = 1, **facts: Any) -> dict[str, Any]:
    return EVENT | {"event_id": f"e{number}"} | facts


def test_an_event_is_stored_and_counts_once(client: Any, tmp_path: Path) -> None:
    both = {"events": [event(1, quantity=2, amount=7.5), event(2, quantity=-1, order_id="o9")]}
    answer = client.post("/v1/events", json=both)
    assert (answer.status_code, answer.json) == (200, {"received": 2, "new": 2})
    assert client.post("/v1/events", json=both).json == {"received": 2, "new": 0}
    first, second = SqliteEventStore(tmp_path).all()
    assert (first.quantity, first.amount, first.order_id) == (2_000_000, 7_500_000, "e1")
    assert (second.customer_id, second.quantity, second.order_id) == ("A/B", -1_000_000, "o9")


@pytest.mark.parametrize(
    "moment", ["2026-01-31", "2026-01-31 14:05", "2026-01-31T14:05:00.123Z", "2026-01-31T14:05:00+02:00"]
)
def test_moments_that_programs_write_are_taken_in_the_shops_own_time(client: Any, tmp_path: Path, moment: str) -> None:
    assert client.post("/v1/events", json={"events": [event(timestamp=moment)]}).status_code == 200
    assert next(SqliteEventStore(tmp_path).all()).timestamp[:10] == "2026-01-31"


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"customer_id": ""}, 400, "usage"),
        ({"customer_id": 7}, 400, "usage"),
        ({"item_id": "a\0b"}, 400, "usage"),
        ({"item_id": "x" * 1001}, 400, "usage"),
        ({"quantity": "2"}, 400, "usage"),
        ({"quantity": True}, 400, "usage"),
        ({"amount": 1e13}, 400, "usage"),
        ({"amount": float("nan")}, 400, "usage"),
        ({"timestamp": "yesterday"}, 400, "usage"),
        ({"timestamp": "2026-02-30"}, 422, "data"),
        ({"quantity": 0}, 422, "data"),
        ({"colour": "red"}, 400, "usage"),
    ],
)
def test_one_wrong_event_stores_none_and_is_named(
    client: Any, tmp_path: Path, wrong: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("/v1/events", json={"events": [event(1), event(2) | wrong]})
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json["detail"].startswith("events.1")
    assert list(SqliteEventStore(tmp_path).all()) == []


def test_the_bounds_of_a_batch_of_events(client: Any) -> None:
    many = [event(number) for number in range(MAX_BATCH_IDS + 1)]
    assert client.post("/v1/events", json={"events": many}).status_code == 400
    assert client.post("/v1/events", json={"events": []}).status_code == 400
    assert client.post("/v1/events", json={"events": many[1:]}).json["new"] == MAX_BATCH_IDS


@pytest.mark.parametrize("path", ["/v1/customers/A%2FB", "/v1/customers:erase"])
def test_an_erased_customer_goes_and_stays_away(client: Any, tmp_path: Path, path: str) -> None:
    client.post("/v1/events", json={"events": [event(1), event(2, customer_id="other")]})
    body = {"json": {"customer_id": "A/B"}}
    answer = client.delete(path) if "%2F" in path else client.post(path, **body)
    assert answer.status_code == 200
    assert answer.json["events"] == 1
    assert "A/B" not in answer.text
    assert client.post("/v1/events", json={"events": [event(3)]}).json == {"received": 1, "new": 0}
    assert [e.customer_id for e in SqliteEventStore(tmp_path).all()] == ["other"]


@pytest.mark.parametrize("customer", [".", ".."])
def test_ids_that_no_path_carries_are_erased_by_body(client: Any, tmp_path: Path, customer: str) -> None:
    assert client.post("/v1/customers:erase", json={"customer_id": customer}).status_code == 200
    assert SqliteEventStore(tmp_path).erased([customer, "other"]) == {customer}
    assert client.post("/v1/customers:erase", json={"customer_id": ""}).status_code == 400


def test_an_erasure_during_a_fit_is_a_conflict(client: Any, tmp_path: Path) -> None:
    with lock(tmp_path):
        answer = client.delete("/v1/customers/C-001")
    assert (answer.status_code, answer.json["code"]) == (409, "locked")


def test_a_key_that_reads_changes_nothing(tmp_path: Path) -> None:
    keys = {role: new_key(role) for role in ("read", "admin")}
    held = tuple(ApiKey(*line.split(":")) for _, line in keys.values())
    client = create_app(Kept(tmp_path), ApiSettings(keys=held)).test_client()
    for role, status in (("read", 403), ("admin", 200)):
        sent = {"headers": {"Authorization": f"Bearer {keys[role][0]}"}}
        answer = client.post("/v1/events", json={"events": [event()]}, **sent)
        assert answer.status_code == status
        assert client.delete("/v1/customers/A%2FB", **sent).status_code == status
        if role == "read":
            assert answer.json["code"] == "forbidden"
            assert not (tmp_path / "events.sqlite").exists()


def test_an_engine_without_a_folder_says_so() -> None:
    client = create_app(FakeEngine()).test_client()
    for answer in (client.post("/v1/events", json={"events": [event()]}), client.delete("/v1/customers/C-001")):
        assert (answer.status_code, answer.json["code"]) == (501, "needs_local_engine")


def test_a_folder_that_cannot_be_written_tells_no_path(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").mkdir()
    answer = create_app(Kept(tmp_path)).test_client().post("/v1/events", json={"events": [event()]})
    assert (answer.status_code, answer.json["code"]) == (503, "artifact")
    assert str(tmp_path) not in answer.text
