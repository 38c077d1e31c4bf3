"""What is answered before Flask is what Flask would answer: bytes, headers, errors, counts and limits."""

from __future__ import annotations

from typing import Any

import pytest
from fake_engine import FakeEngine

pytest.importorskip("flask_openapi3")

from flask import Response

from smart_retail_flask.app import create_app, new_counters
from smart_retail_flask.raw_path import pattern
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
    "/v1/customers/nobody/recommendations?strict=true",
    "/v1/customers/00012",
    "/v1/customers/nobody?strict=true",
    "/v1/items/nothing/similar",
    "/v1/popular?n=2",
    "/v1/popular?m=2",
)


def answered(client: Any, path: str, **options: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    found = client.get(path, headers={"X-Request-Id": "one", **options.pop("headers", {})}, **options)
    return found.status_code, sorted(found.headers), found.data


@pytest.fixture
def by_flask() -> Any:
    """An API whose every request somebody else wants to see too, so that all of them go through Flask."""
    app = create_app(FakeEngine())
    app.before_request(lambda: None)
    return app.test_client()


@pytest.mark.parametrize("path", PATHS)
def test_it_is_the_answer_of_flask(by_flask: Any, path: str) -> None:
    client = create_app(FakeEngine()).test_client()
    assert answered(client, path) == answered(by_flask, path)
    assert answered(client, path, headers={"Host": "evil.example"}) == answered(
        by_flask, path, headers={"Host": "evil.example"}
    )


def test_plain_reads_do_not_reach_flask_and_all_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(FakeEngine())
    reached = []
    whole = app.full_dispatch_request
    monkeypatch.setattr(app, "full_dispatch_request", lambda *a: reached.append(1) or whole(*a))
    client = app.test_client()
    for operation in OPERATIONS:
        if operation.remembered:
            path = operation.rule.replace("<id:customer_id>", "00012").replace("<id:item_id>", "I-01")
            assert pattern(operation.rule).fullmatch(path)
            reached.clear()
            status = client.get(path).status_code
            assert (status, len(reached)) in {(200, 0), (404, 1)}, path
            reached.clear()
            client.head(path)
            client.options(path)
            assert len(reached) == 2
    reached.clear()
    client.get("/livez")
    assert len(reached) == 1


@pytest.mark.parametrize("hook", ["before_request", "after_request", "teardown_request", "teardown_appcontext"])
def test_who_hooks_into_requests_sees_all_of_them(hook: str) -> None:
    app = create_app(FakeEngine())
    seen = []

    def note(passed: Any = None) -> Response | None:
        seen.append(1)
        return passed if isinstance(passed, Response) else None

    getattr(app, hook)(note)
    assert app.test_client().get(PATHS[0]).status_code == 200
    assert seen == [1]


def test_an_error_is_met_and_counted_once() -> None:
    settings = ApiSettings(metrics=True, rate=0.001, burst=3)
    counters = new_counters()
    client = create_app(FakeEngine(), settings, counters).test_client()
    path = "/v1/customers/nobody/recommendations?strict=true"
    assert [client.get(path).status_code for _ in range(4)] == [404, 404, 404, 429]
    (route, statuses, _, _), *others = counters.totals()
    assert route == ("GET", "/v1/customers/<id:customer_id>/recommendations")
    assert sum(statuses) == 4
    assert not others
