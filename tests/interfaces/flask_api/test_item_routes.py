"""Items that are added over the API: admins only, all or none, recommended without a fit."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fitted_shop import RemoteLikeEngine

from smart_retail.events.item_changes import FILE_NAME
from smart_retail.serving.engine import Engine
from smart_retail.serving.factory import BundleFollower, open_engine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.app import create_app
from smart_retail_flask.request_models import MAX_ITEM_CHANGES
from smart_retail_flask.settings import ApiKey, ApiSettings, new_key

ITEM = {"item_id": "NEW/1", "item_name": "Garden thing deluxe", "category": "Garden", "list_price": 9.5, "stock": 4}


@pytest.fixture
def client(local_engine: Engine) -> Any:
    folder = local_engine.artifacts
    follower = BundleFollower(folder, lambda: open_engine(folder))
    return create_app(ReloadingEngine(follower.load, follower.state)).test_client()


def test_an_added_item_is_served_at_once(client: Any) -> None:
    response = client.put("/v1/items", json={"items": [ITEM, {"item_id": "G-005", "stock": 0}]})
    expected = {"received": 2, "added": 1, "changed": 1, "skipped": [], "note": ""}
    assert (response.status_code, response.json) == (200, expected)
    assert client.get("/v1/items/NEW%2F1").json["list_price"] == 9.5
    assert [item["item_id"] for item in client.get("/v1/items?q=deluxe").json["items"]] == ["NEW/1"]
    similar = client.get("/v1/items/NEW%2F1/similar?n=3").json
    assert {item["category"] for item in similar["items"]} == {"Garden"}
    visitor = client.get("/v1/customers/unknown-id/recommendations?n=10").json["items"]
    assert visitor[9]["item_id"] == "NEW/1"
    popular = client.get("/v1/popular?n=100").json["items"]
    assert "G-005" not in [item["item_id"] for item in popular]
    assert client.put("/v1/items", json={"items": [{"item_id": "G-005", "stock": 2}]}).json["changed"] == 1
    assert "G-005" in [item["item_id"] for item in client.get("/v1/popular?n=100").json["items"]]


@pytest.mark.parametrize(
    ("invalid", "status", "code"),
    [
        ({"item_id": ""}, 400, "usage"),
        ({"list_price": "9"}, 400, "usage"),
        ({"list_price": -1}, 400, "usage"),
        ({"launch_date": "soon"}, 400, "usage"),
        ({"launch_date": "2026-02-31"}, 422, "data"),
        ({"brand": "a\0b"}, 400, "usage"),
        ({"attributes": {"a": 1}}, 400, "usage"),
        ({"colour": "red"}, 400, "usage"),
    ],
)
def test_an_invalid_item_is_named_and_nothing_is_stored(
    client: Any, local_engine: Engine, invalid: dict[str, Any], status: int, code: str
) -> None:
    response = client.put("/v1/items", json={"items": [ITEM, ITEM | invalid]})
    assert (response.status_code, response.json["code"]) == (status, code)
    assert response.json["detail"].startswith("items.1")
    assert not (local_engine.artifacts / FILE_NAME).exists()


def test_the_items_of_a_request_are_bounded(client: Any) -> None:
    items = [{"item_id": f"N{number}", "item_name": "n"} for number in range(MAX_ITEM_CHANGES + 1)]
    assert client.put("/v1/items", json={"items": items}).status_code == 400
    assert client.put("/v1/items", json={"items": []}).status_code == 400
    assert client.put("/v1/items", json={"items": items[1:]}).json["added"] == MAX_ITEM_CHANGES


def test_a_damaged_file_of_items_is_reported_and_kept(client: Any, local_engine: Engine) -> None:
    (local_engine.artifacts / FILE_NAME).write_text("{")
    response = client.put("/v1/items", json={"items": [ITEM]})
    assert (response.status_code, response.json["code"]) == (503, "artifact")
    assert (local_engine.artifacts / FILE_NAME).read_text() == "{"


def test_items_need_an_admin_key_and_a_local_bundle(local_engine: Engine) -> None:
    keys = {role: new_key(role) for role in ("read", "admin")}
    accepted = tuple(ApiKey(*line.split(":")) for _, line in keys.values())
    client = create_app(local_engine, ApiSettings(keys=accepted)).test_client()

    def status(role: str) -> int:
        headers = {"Authorization": f"Bearer {keys[role][0]}"}
        return int(client.put("/v1/items", json={"items": [ITEM]}, headers=headers).status_code)

    assert status("read") == 403
    assert status("admin") == 200
    remote = RemoteLikeEngine(local_engine.bundle)
    assert create_app(remote).test_client().put("/v1/items", json={"items": [ITEM]}).status_code == 501


def test_the_diversity_of_a_list_is_an_option_of_a_request(local_engine: Engine) -> None:
    client = create_app(local_engine).test_client()
    path = "/v1/customers/c0001/recommendations"

    def ids(result: Any) -> list[str]:
        return [item["item_id"] for item in result.json["items"]]

    diverse = [item.item_id for item in local_engine.recommend("c0001", n=30, diversity=0.7).items]
    assert ids(client.get(f"{path}?n=30&diversity=0.7")) == diverse
    assert ids(client.get(f"{path}?n=30&diversity=0")) == ids(client.get(f"{path}?n=30"))
    body = {"customer_ids": ["c0001"], "n": 30, "diversity": 0.7}
    batch = client.post("/v1/recommendations:batch", json=body).json["lists"][0]
    assert [item["item_id"] for item in batch["items"]] == diverse
    for wrong in ("2", "-1", "nan", "much"):
        assert client.get(f"{path}?diversity={wrong}").status_code == 400
