"""Who may ask what: the whole table, made from the routes themselves."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("flask_openapi3")

from fake_engine import ITEM_IDS, FakeEngine

from smart_retail_flask.app import create_app
from smart_retail_flask.route_table import OPERATIONS
from smart_retail_flask.settings import ApiKey, ApiSettings, new_key

from .route_permissions import Door, doors, routed, table


class Kept(FakeEngine):
    """Takes events and erasures, and the items of the examples for its own."""

    def similar_items(self, item_id: str, *args: Any, **options: Any) -> Any:
        return super().similar_items(ITEM_IDS[0], *args, **options)


@pytest.fixture(scope="module")
def keys() -> dict[str, tuple[str, str]]:
    return {role: new_key(role) for role in ("read", "admin")}


@pytest.fixture(scope="module")
def client(keys: dict[str, tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    engine = Kept()
    engine.artifacts = tmp_path_factory.mktemp("doors")  # type: ignore[attr-defined]
    held = tuple(ApiKey(*line.split(":")) for _, line in keys.values())
    return create_app(engine, ApiSettings(keys=held, metrics=True)).test_client()


@pytest.mark.parametrize("door", list(doors()), ids=str)
def test_each_door_opens_to_whom_the_docs_say(client: Any, keys: dict[str, tuple[str, str]], door: Door) -> None:
    held = {role: key for role, (key, _) in keys.items()} | {"wrong": new_key()[0]}
    headers = {"Authorization": f"Bearer {held[door.who]}"} if door.who in held else {}
    answer = client.open(door.path, method=door.method, json=door.body, headers=headers, buffered=True)
    assert answer.status_code == door.told
    if door.told == 401:
        assert answer.json["code"] == "unauthorized"
        assert "X-Model-Version" not in answer.headers
    elif door.told == 403:
        assert answer.json["code"] == "forbidden"


def test_the_docs_tell_of_every_route(client: Any) -> None:
    assets = {"GET /docs/start.js", "GET /docs/{name}"}
    assert set(table()) == routed(client.application) - assets


def test_only_what_holds_nothing_of_the_shop_is_open() -> None:
    held = {route for route, statuses in table().items() if statuses[0] != "401"}
    assert held == {"GET /", "GET /livez", "GET /readyz", "GET /openapi.json", "GET /docs"}


def test_every_route_that_changes_something_is_an_admins() -> None:
    reads = {"recommend_batch", "recommend_basket", "customers_batch", "similar_by_body"}
    for operation in OPERATIONS:
        changes = operation.method != "get" and operation.name not in reads
        assert (operation.role == "admin") == changes, operation.name


def test_without_keys_no_other_machine_is_let_in() -> None:
    client = create_app(Kept(), ApiSettings(metrics=True)).test_client()
    for door in doors():
        if door.who == "nobody":
            far = {"REMOTE_ADDR": "192.0.2.1"}
            answer = client.open(door.path, method=door.method, json=door.body, environ_overrides=far, buffered=True)
            assert answer.status_code == (door.told if door.told in (200, 302) else 403), str(door)
