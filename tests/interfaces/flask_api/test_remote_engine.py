"""`RemoteEngine` returns the same results and raises the same errors as an engine in the same process."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests import shop
from tests.served_api import in_thread

from smart_retail.client import http_connection
from smart_retail.client.remote_engine import RemoteEngine
from smart_retail.errors import MissingExtraError, RemoteError, UnknownItemError, UsageError
from smart_retail.protocol import ALL, METHODS, CustomerQuery
from smart_retail.serving.engine import Engine


@pytest.fixture(scope="module")
def remote(server: str) -> Iterator[RemoteEngine]:
    with RemoteEngine(server) as engine:
        yield engine


def test_every_customer_gets_the_same_results(remote: RemoteEngine, engine: Engine) -> None:
    for customer in (*shop.customers()[:40], shop.RETURNED_ALL, "unknown", "", "x" * 5000, "NUL\0", "line\nend"):
        assert remote.recommend(customer, n=3) == engine.recommend(customer, n=3)
        assert remote.customer(customer) == engine.customer(customer)


@pytest.mark.parametrize("customer", ["c0002", "A/B", ".."])
@pytest.mark.parametrize("method", [*METHODS, ALL])
def test_every_option_is_passed_to_the_engine(remote: RemoteEngine, engine: Engine, method: str, customer: str) -> None:
    for options in (
        {"n": 3, "offset": 2},
        {"exclude_purchased": False},
        {"explain": False},
        {"categories": ["Kitchen", "Office & Home"]},
        {"categories": []},
        {"categories": ["Office & Home"] * 250},
    ):
        assert remote.recommend(customer, method, **options) == engine.recommend(customer, method, **options)


def test_every_item_has_the_same_similar_items(remote: RemoteEngine, engine: Engine) -> None:
    for item in shop.item_ids():
        assert remote.similar_items(item, 3) == engine.similar_items(item, 3)
    assert remote.similar_items("A/B", categories=["Kitchen"]) == engine.similar_items("A/B", categories=["Kitchen"])


def test_every_item_has_the_same_details(remote: RemoteEngine, engine: Engine) -> None:
    for item in shop.item_ids():
        assert remote.item(item) == engine.item(item)


def test_other_methods_return_the_same_results(remote: RemoteEngine, engine: Engine) -> None:
    assert remote.version == engine.version
    assert remote.is_local is False
    assert remote.method_names() == engine.method_names()
    assert remote.categories() == engine.categories()
    assert remote.segments() == engine.segments()
    assert remote.clusters() == engine.clusters()
    assert remote.rfm_grid() == engine.rfm_grid()
    assert remote.cluster_points(9) == engine.cluster_points(9)
    assert remote.cluster_points(10**9) == engine.cluster_points()
    assert remote.model() == engine.model()
    assert remote.popular(4, offset=1, category="Kitchen") == engine.popular(4, offset=1, category="Kitchen")
    assert remote.search_customers("&q=", 5) == engine.search_customers("&q=", 5)
    assert remote.search_items("é") == engine.search_items("é")
    basket = ["A/B", "..", "no such"]
    assert remote.recommend_for_basket(basket, 5, offset=1) == engine.recommend_for_basket(basket, 5, offset=1)


def test_sales_and_value_are_the_same(remote: RemoteEngine, engine: Engine) -> None:
    assert remote.sales() == engine.sales()
    dates = ("2025-01-06", "2025-02-09", "Office & Home")
    assert remote.sales(*dates) == engine.sales(*dates)
    assert remote.cohorts("quarter") == engine.cohorts("quarter")
    assert remote.expected_revenue() == engine.expected_revenue()
    assert remote.replenishment(7) == engine.replenishment(7)
    for arguments in (("2030-01-01",), ("x",), (None, None, "Cars")):
        with pytest.raises(UsageError) as there:
            remote.sales(*arguments)
        with pytest.raises(UsageError) as here:
            engine.sales(*arguments)
        assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)


def test_bundles_and_substitutes_are_the_same(remote: RemoteEngine, engine: Engine) -> None:
    assert remote.bundles() == engine.bundles()
    options = {"sort": "lift", "size": 3, "min_support": 6, "n": 3, "offset": 1}
    assert remote.bundles(**options) == engine.bundles(**options)
    for item in shop.item_ids():
        assert remote.bundles(item, n=3) == engine.bundles(item, n=3)
        assert remote.substitutes(item, 3) == engine.substitutes(item, 3)


def test_the_audience_is_the_same(remote: RemoteEngine, engine: Engine) -> None:
    for item in shop.item_ids():
        assert remote.audience(item, 5, offset=1) == engine.audience(item, 5, offset=1)
        assert remote.audience(item, exclude_purchased=False) == engine.audience(item, exclude_purchased=False)
    with pytest.raises(UnknownItemError):
        remote.audience("G-0011")


def test_the_table_of_customers_is_the_same(remote: RemoteEngine, engine: Engine) -> None:
    segment = engine.segments()[0].name
    for query in (
        CustomerQuery(),
        CustomerQuery("c00", segment, sort="last_order", ascending=True, n=3, offset=1),
        CustomerQuery(cluster=engine.clusters()[0].name, country="Norway"),
        CustomerQuery(category="Garden", churn_risk="low", due_days=30),
        CustomerQuery(
            min_amount=0.000001, max_amount=1e12, last_order_from="2024-01-01", last_order_to="2025-01-01", n=5
        ),
    ):
        assert remote.customers(query) == engine.customers(query)
    with pytest.raises(UsageError):
        remote.customers(CustomerQuery(segment="VIP"))


def test_batch_of_any_size_keeps_its_order(remote: RemoteEngine, engine: Engine) -> None:
    ids = [*shop.customers(), *(f"new {i}" for i in range(250)), *shop.customers()]
    assert remote.recommend_many(ids, n=2) == engine.recommend_many(ids, n=2)
    assert remote.recommend_many(ids[:3], ALL, 1000) == engine.recommend_many(ids[:3], ALL, 1000)
    assert remote.recommend_many([]) == []


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda e: e.recommend("c0001", "magic"), UsageError),
        (lambda e: e.recommend("c0001", n=0), UsageError),
        (lambda e: e.recommend("c0001", offset=-1), UsageError),
        (lambda e: e.recommend_many(["c0001"], n=1001), UsageError),
        (lambda e: e.search_items("a", 0), UsageError),
        (lambda e: e.recommend("c0001", categories=["no such"]), UsageError),
        (lambda e: e.recommend("c0001", categories=["no such " * 1000]), UsageError),
        (lambda e: e.popular(category="no such"), UsageError),
        (lambda e: e.cluster_points(0), UsageError),
        (lambda e: e.similar_items("G-0011"), UnknownItemError),
        (lambda e: e.similar_items(""), UnknownItemError),
        (lambda e: e.bundles("G-0011"), UnknownItemError),
        (lambda e: e.bundles(sort="profit"), UsageError),
        (lambda e: e.substitutes("G-0011"), UnknownItemError),
        (lambda e: e.substitutes("." * 3, 0), UsageError),
        (lambda e: e.item("G-0011"), UnknownItemError),
        (lambda e: e.item(""), UnknownItemError),
    ],
)
def test_errors_are_those_of_the_engine(remote: RemoteEngine, engine: Engine, call: Any, kind: type) -> None:
    with pytest.raises(kind) as expected:
        call(engine)
    with pytest.raises(kind) as actual:
        call(remote)
    assert type(actual.value) is type(expected.value)
    if kind is UnknownItemError:
        assert (actual.value.message, actual.value.hint) == (expected.value.message, expected.value.hint)


@contextmanager
def canned_server(*responses: tuple[int, str, str]) -> Iterator[tuple[str, list[str]]]:
    """Run a server that returns these responses (status, type, body) in turn, then the last one.

    Yields its URL and the list of Authorization headers it received.
    """
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = responses[min(len(received), len(responses) - 1)]
            received.append(self.headers.get("Authorization", ""))
            if not status:
                self.close_connection = True  # close the connection without a response
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with in_thread(server):
        yield f"http://127.0.0.1:{server.server_port}", received


@pytest.mark.parametrize(
    "response",
    [
        (200, "text/html", "<html>a login page</html>"),
        (200, "application/json", "{}"),
        (200, "application/json", "[]"),
        (200, "application/json", '{"customer_id": 5}'),
        (302, "text/html", "moved"),
        (404, "text/html", "no"),
        (502, "application/json", '{"message": "proxy"}'),
    ],
)
def test_response_of_another_server_is_a_remote_error(response: tuple[int, str, str]) -> None:
    with canned_server(response) as (url, _), RemoteEngine(url) as engine, pytest.raises(RemoteError) as error:
        engine.customer("c0001")
    assert str(response[0]) in error.value.message


def test_missing_key_names_the_environment_variable() -> None:
    body = '{"code": "unauthorized", "detail": "A valid key is needed.", "hint": "Send one."}'
    with (
        canned_server((401, "application/problem+json", body)) as (url, received),
        RemoteEngine(url, api_key="secret") as engine,
        pytest.raises(RemoteError) as error,
    ):
        engine.customer("c0001")
    assert error.value.message == "A valid key is needed."
    assert "SMART_RETAIL_API_KEY" in error.value.hint
    assert received == ["Bearer secret"]
    assert "secret" not in str(error.value.as_dict())


def test_broken_connection_is_retried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "FIRST_BACKOFF_S", 0.001)
    good = (200, "application/json", '{"categories": ["Hats"]}')
    with canned_server((0, "", ""), (0, "", ""), good) as (url, received), RemoteEngine(url) as engine:
        assert engine.categories() == ["Hats"]
        assert len(received) == 3


def test_unreachable_api_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "FIRST_BACKOFF_S", 0.001)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://user:pass@127.0.0.1:{probe.getsockname()[1]}"
    with RemoteEngine(url) as engine, pytest.raises(RemoteError, match="cannot be reached") as error:
        engine.segments()
    assert "pass" not in error.value.message
    assert "serve api" in error.value.hint


def test_unresponsive_api_times_out() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with RemoteEngine(url, timeout=0.2) as engine, pytest.raises(RemoteError, match="within 0\\.2 seconds"):
            engine.segments()


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://"])
def test_invalid_address_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match="address"):
        RemoteEngine(url)


def test_missing_httpx_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtraError) as error:
        RemoteEngine("http://127.0.0.1:8000")
    assert "flask" in error.value.hint
