"""The fast path returns the same bytes, headers, errors, counts and limits as Flask."""

from __future__ import annotations

from typing import Any

import pytest

from smart_retail.serving.engine import Engine

pytest.importorskip("flask_openapi3")

from flask import Response

from smart_retail_flask.app import create_app, new_counters
from smart_retail_flask.raw_path import rule_pattern
from smart_retail_flask.route_table import OPERATIONS
from smart_retail_flask.settings import ApiSettings

PATHS = (
    "/v1/customers/00012/recommendations",
    "/v1/customers/00012/recommendations?n=3&method=cf&explain=false",
    "/v1/customers/A%2FB/recommendations?n=3",
    "/v1/customers/A%252FB/recommendations?n=3",
    "/v1/customers/%C3%A9/recommendations?n=3",
    "/v1/customers/%FF/recommendations",
    "/v1/customers//recommendations",
    "/v1/customers/00012/recommendations/",
    "/v1/customers/00012/recommendations?n=0",
    "/v1/customers/00012/recommendations?category=%FF",
    "/v1/customers/unknown/recommendations?strict=true",
    "/v1/customers/00012",
    "/v1/customers/unknown?strict=true",
    "/v1/items/nothing/similar",
    "/v1/popular?n=2",
    "/v1/popular?m=2",
)


def get_response(client: Any, path: str, **options: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    response = client.get(path, headers={"X-Request-Id": "one", **options.pop("headers", {})}, **options)
    return response.status_code, sorted(response.headers), response.data


@pytest.fixture
def flask_client(engine: Engine) -> Any:
    """Client of an API with an additional hook, which turns the fast path off."""
    app = create_app(engine)
    app.before_request(lambda: None)
    return app.test_client()


@pytest.mark.parametrize("path", PATHS)
def test_response_equals_that_of_flask(flask_client: Any, path: str, engine: Engine) -> None:
    client = create_app(engine).test_client()
    assert get_response(client, path) == get_response(flask_client, path)
    assert get_response(client, path, headers={"Host": "evil.example"}) == get_response(
        flask_client, path, headers={"Host": "evil.example"}
    )


def test_only_cacheable_reads_bypass_flask(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    app = create_app(engine)
    dispatched = []
    dispatch = app.full_dispatch_request
    monkeypatch.setattr(app, "full_dispatch_request", lambda *a: dispatched.append(1) or dispatch(*a))
    client = app.test_client()
    for operation in OPERATIONS:
        if operation.cacheable:
            path = operation.rule.replace("<id:customer_id>", "00012").replace("<id:item_id>", "I-01")
            assert rule_pattern(operation.rule).fullmatch(path)
            dispatched.clear()
            status = client.get(path).status_code
            assert (status, len(dispatched)) in {(200, 0), (404, 1)}, path
            dispatched.clear()
            client.head(path)
            client.options(path)
            assert len(dispatched) == 2
    dispatched.clear()
    client.get("/livez")
    assert len(dispatched) == 1


@pytest.mark.parametrize("hook", ["before_request", "after_request", "teardown_request", "teardown_appcontext"])
def test_additional_hooks_run_for_every_request(hook: str, engine: Engine) -> None:
    app = create_app(engine)
    calls = []

    def hook_function(response: Any = None) -> Response | None:
        calls.append(1)
        return response if isinstance(response, Response) else None

    getattr(app, hook)(hook_function)
    assert app.test_client().get(PATHS[0]).status_code == 200
    assert calls == [1]


def test_error_is_counted_once(engine: Engine) -> None:
    settings = ApiSettings(metrics=True, rate=0.001, burst=3)
    counters = new_counters()
    client = create_app(engine, settings, counters).test_client()
    path = "/v1/customers/unknown/recommendations?strict=true"
    assert [client.get(path).status_code for _ in range(4)] == [404, 404, 404, 429]
    (totals,) = counters.totals()
    assert totals.route == ("GET", "/v1/customers/<id:customer_id>/recommendations")
    assert sum(totals.by_status) == 4
