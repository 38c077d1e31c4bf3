"""The API over the local copy of a remote store."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.remote_hosts import Hosts, publish_shop

from smart_retail.bundle.local_copy import open_folder, refresh
from smart_retail.bundle.reader import read_pointer
from smart_retail.bundle.remote_store import RemoteStore
from smart_retail.errors import StoreError
from smart_retail.results import FitReport
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.app import create_app
from smart_retail_flask.server import bundle_loader


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: tuple[Path, FitReport]) -> Hosts:
    monkeypatch.delenv("SMART_RETAIL_EVENTS_URL", raising=False)
    hosts = Hosts(tmp_path / "hosts", f"file://{tmp_path}/store/shop", monkeypatch)
    publish_shop(hosts, fitted)
    return hosts


@pytest.fixture
def copy(hosts: Hosts) -> Path:
    hosts.use("two")
    return open_folder(hosts.url)


@pytest.fixture
def client(copy: Path) -> Any:
    return create_app(ReloadingEngine(bundle_loader(copy), lambda: read_pointer(copy))).test_client()


def test_an_outage_of_the_store_is_reported_and_harmless(
    client: Any, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").json["store_error"] is None

    def fail(_: RemoteStore) -> list[int]:
        raise ConnectionError

    monkeypatch.setattr(RemoteStore, "_state_numbers", fail)
    with suppress(StoreError):
        refresh(copy)
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json["store_error"]) == (200, "store")
    assert client.get("/v1/popular").status_code == 200


def test_events_need_a_database(client: Any) -> None:
    event = {"event_id": "e1", "customer_id": "c1", "item_id": "007", "timestamp": "2025-02-24T10:00:00"}
    response = client.post("/v1/events", json={"events": [event]})
    assert (response.status_code, response.json["code"]) == (501, "needs_database")


def test_an_erasure_by_the_api_changes_the_store(client: Any, hosts: Hosts, fitted: tuple[Path, FitReport]) -> None:
    customer = client.get("/v1/customers?q=C").json["customers"][0]["customer_id"]
    assert client.delete(f"/v1/customers/{customer}").status_code == 200
    assert hosts.state().current != fitted[1].version


def test_items_of_one_api_are_in_the_store(client: Any, hosts: Hosts) -> None:
    item = {"item_id": "new-1", "item_name": "Brand new thing"}
    assert client.put("/v1/items", json={"items": [item]}).status_code == 200
    assert "items.json" in hosts.state().files
