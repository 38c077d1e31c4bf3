"""Events and erasures: admins only, durable, each event counted once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.fitted_shop import MakeEngine, RemoteLikeEngine

from smart_retail.bundle.versions import lock
from smart_retail.events import SqliteEventStore
from smart_retail.serving.engine import Engine
from smart_retail_flask.app import create_app
from smart_retail_flask.request_models import MAX_BATCH_IDS
from smart_retail_flask.settings import ApiKey, ApiSettings, new_key

EVENT = {"event_id": "e1", "customer_id": "A/B", "item_id": "G-001", "timestamp": "2026-01-31T14:05:00"}


@pytest.fixture
def client(local_engine: Engine) -> Any:
    return create_app(local_engine).test_client()


def event(number: int = 1, **fields: Any) -> dict[str, Any]:
    return EVENT | {"event_id": f"e{number}"} | fields


def test_event_is_stored_and_counted_once(client: Any, local_engine: Engine) -> None:
    two_events = {"events": [event(1, quantity=2, amount=7.5), event(2, quantity=-1, order_id="o9")]}
    response = client.post("/v1/events", json=two_events)
    assert (response.status_code, response.json) == (200, {"received": 2, "new": 2})
    assert client.post("/v1/events", json=two_events).json == {"received": 2, "new": 0}
    first, second = SqliteEventStore(local_engine.artifacts).all()
    assert (first.quantity, first.amount, first.order_id) == (2_000_000, 7_500_000, "e1")
    assert (second.customer_id, second.quantity, second.order_id) == ("A/B", -1_000_000, "o9")


@pytest.mark.parametrize(
    "timestamp", ["2026-01-31", "2026-01-31 14:05", "2026-01-31T14:05:00.123Z", "2026-01-31T14:05:00+02:00"]
)
def test_common_timestamp_formats_are_accepted_in_shop_time(client: Any, local_engine: Engine, timestamp: str) -> None:
    assert client.post("/v1/events", json={"events": [event(timestamp=timestamp)]}).status_code == 200
    assert next(SqliteEventStore(local_engine.artifacts).all()).timestamp[:10] == "2026-01-31"


@pytest.mark.parametrize(
    ("invalid", "status", "code"),
    [
        ({"customer_id": ""}, 400, "usage"),
        ({"customer_id": 7}, 400, "usage"),
        ({"item_id": "a\0b"}, 400, "usage"),
        ({"item_id": "x" * 1001}, 400, "usage"),
        ({"quantity": "2"}, 400, "usage"),
        ({"quantity": True}, 400, "usage"),
        ({"amount": 1.1e9}, 400, "usage"),
        ({"quantity": -1.1e9}, 400, "usage"),
        ({"amount": float("nan")}, 400, "usage"),
        ({"timestamp": "yesterday"}, 400, "usage"),
        ({"timestamp": "2026-02-30"}, 422, "data"),
        ({"timestamp": "2200-01-01"}, 422, "data"),
        ({"quantity": 0}, 422, "data"),
        ({"colour": "red"}, 400, "usage"),
    ],
)
def test_invalid_event_is_named_and_nothing_is_stored(
    client: Any, local_engine: Engine, invalid: dict[str, Any], status: int, code: str
) -> None:
    response = client.post("/v1/events", json={"events": [event(1), event(2) | invalid]})
    assert (response.status_code, response.json["code"]) == (status, code)
    assert response.json["detail"].startswith("events.1")
    assert list(SqliteEventStore(local_engine.artifacts).all()) == []


def test_batch_of_events_is_bounded(client: Any) -> None:
    events = [event(number) for number in range(MAX_BATCH_IDS + 1)]
    assert client.post("/v1/events", json={"events": events}).status_code == 400
    assert client.post("/v1/events", json={"events": []}).status_code == 400
    assert client.post("/v1/events", json={"events": events[1:]}).json["new"] == MAX_BATCH_IDS


@pytest.mark.parametrize("path", ["/v1/customers/A%2FB", "/v1/customers:erase"])
def test_erased_customer_is_removed_and_later_events_are_ignored(client: Any, local_engine: Engine, path: str) -> None:
    client.post("/v1/events", json={"events": [event(1), event(2, customer_id="other")]})
    body = {"json": {"customer_id": "A/B"}}
    response = client.delete(path) if "%2F" in path else client.post(path, **body)
    assert response.status_code == 200
    assert response.json["events"] == 1
    assert "A/B" not in response.text
    assert client.post("/v1/events", json={"events": [event(3)]}).json == {"received": 1, "new": 0}
    assert [e.customer_id for e in SqliteEventStore(local_engine.artifacts).all()] == ["other"]


@pytest.mark.parametrize("customer", [".", ".."])
def test_ids_that_cannot_be_in_a_url_are_erased_by_body(client: Any, local_engine: Engine, customer: str) -> None:
    assert client.post("/v1/customers:erase", json={"customer_id": customer}).status_code == 200
    assert SqliteEventStore(local_engine.artifacts).erased_among([customer, "other"]) == {customer}
    assert client.post("/v1/customers:erase", json={"customer_id": ""}).status_code == 400


def test_erasure_during_a_fit_is_a_conflict(client: Any, local_engine: Engine) -> None:
    with lock(local_engine.artifacts):
        response = client.delete("/v1/customers/c0001")
    assert (response.status_code, response.json["code"]) == (409, "locked")


def test_read_key_cannot_change_data(local_engine: Engine) -> None:
    keys = {role: new_key(role) for role in ("read", "admin")}
    accepted = tuple(ApiKey(*line.split(":")) for _, line in keys.values())
    client = create_app(local_engine, ApiSettings(keys=accepted)).test_client()
    for role, status in (("read", 403), ("admin", 200)):
        options = {"headers": {"Authorization": f"Bearer {keys[role][0]}"}}
        response = client.post("/v1/events", json={"events": [event()]}, **options)
        assert response.status_code == status
        assert client.delete("/v1/customers/A%2FB", **options).status_code == status
        if role == "read":
            assert response.json["code"] == "forbidden"
            assert not (local_engine.artifacts / "events.sqlite").exists()


def test_engine_behind_another_api_rejects_changes(make_engine: MakeEngine) -> None:
    client = create_app(make_engine(RemoteLikeEngine)).test_client()
    for response in (client.post("/v1/events", json={"events": [event()]}), client.delete("/v1/customers/c0001")):
        assert (response.status_code, response.json["code"]) == (501, "needs_local_engine")


def test_error_of_an_unwritable_folder_contains_no_path(local_engine: Engine, tmp_path: Path) -> None:
    (local_engine.artifacts / "events.sqlite").mkdir()
    response = create_app(local_engine).test_client().post("/v1/events", json={"events": [event()]})
    assert (response.status_code, response.json["code"]) == (503, "artifact")
    assert str(tmp_path) not in response.text


def test_events_are_numbered_above_those_of_the_bundle(local_engine: Engine) -> None:
    client = create_app(Engine(local_engine.bundle.with_overrides({}, {"events_through": 100}, "none"))).test_client()
    assert client.post("/v1/events", json={"events": [event(customer_id="new")]}).json["new"] == 1
    assert SqliteEventStore(local_engine.artifacts).last_sequence() == 101
    assert client.get("/v1/customers/new").json["known"]


def test_a_replaced_events_file_is_followed(client: Any, local_engine: Engine, tmp_path: Path) -> None:
    client.post("/v1/events", json={"events": [event(customer_id="first")]})
    assert client.get("/v1/customers/first").json["known"]
    for path in local_engine.artifacts.glob("events.sqlite*"):
        path.unlink()
    assert not client.get("/v1/customers/first").json["known"]
    assert client.post("/v1/events", json={"events": [event(customer_id="second")]}).json["new"] == 1
    assert client.get("/v1/customers/second").json["known"]


def test_a_removed_folder_is_not_created_by_the_api(client: Any, local_engine: Engine) -> None:
    shutil.rmtree(local_engine.artifacts)
    for response in (client.post("/v1/events", json={"events": [event()]}), client.delete("/v1/customers/c0001")):
        assert response.status_code == 503
        assert str(local_engine.artifacts) not in response.text
    assert not local_engine.artifacts.exists()


def test_an_incomplete_erasure_is_not_acknowledged(client: Any, local_engine: Engine) -> None:
    client.post("/v1/events", json={"events": [event()]})
    (local_engine.artifacts / "versions" / "copy").mkdir()
    response = client.delete("/v1/customers/A%2FB")
    assert (response.status_code, response.json["code"]) == (409, "erasure")
    assert "Delete it or move it" in response.json["hint"]
