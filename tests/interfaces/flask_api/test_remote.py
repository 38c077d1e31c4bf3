"""An engine behind the API answers as one in this process does, errors too."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fake_engine import CUSTOMER_IDS, ITEM_IDS, FakeEngine

from smart_retail.client import http_connection
from smart_retail.client.remote_engine import RemoteEngine
from smart_retail.errors import MissingExtraError, RemoteError, UnknownItemError, UsageError
from smart_retail.protocol import ALL, METHODS


@pytest.fixture(scope="module")
def remote(server: str) -> Iterator[RemoteEngine]:
    with RemoteEngine(server) as engine:
        yield engine


def test_every_customer_gets_the_same_over_the_api(remote: RemoteEngine, engine: FakeEngine) -> None:
    for customer in (*CUSTOMER_IDS, "nobody", "", "x" * 5000, "NUL\0", "line\nend"):
        assert remote.recommend(customer, n=3) == engine.recommend(customer, n=3)
        assert remote.customer(customer) == engine.customer(customer)


@pytest.mark.parametrize("customer", ["C-002", "A/B", ".."])
@pytest.mark.parametrize("method", [*METHODS, ALL])
def test_every_option_reaches_the_engine(remote: RemoteEngine, engine: FakeEngine, method: str, customer: str) -> None:
    for options in (
        {"n": 3, "offset": 2},
        {"exclude_purchased": False},
        {"explain": False},
        {"categories": ["Technology", "Home & Garden"]},
        {"categories": []},
        {"categories": ["Home & Garden"] * 250},
    ):
        assert remote.recommend(customer, method, **options) == engine.recommend(customer, method, **options)


def test_every_item_has_the_same_neighbours(remote: RemoteEngine, engine: FakeEngine) -> None:
    for item in ITEM_IDS:
        assert remote.similar_items(item, 3) == engine.similar_items(item, 3)
    assert remote.similar_items("A/B", categories=["Technology"]) == engine.similar_items(
        "A/B", categories=["Technology"]
    )


def test_the_other_calls_are_the_same(remote: RemoteEngine, engine: FakeEngine) -> None:
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
    assert remote.popular(4, offset=1, category="Technology") == engine.popular(4, offset=1, category="Technology")
    assert remote.search_customers("&q=", 5) == engine.search_customers("&q=", 5)
    assert remote.search_items("é") == engine.search_items("é")
    basket = ["A/B", "..", "no such"]
    assert remote.recommend_for_basket(basket, 5, offset=1) == engine.recommend_for_basket(basket, 5, offset=1)


def test_a_batch_of_any_size_keeps_its_order(remote: RemoteEngine, engine: FakeEngine) -> None:
    ids = [*CUSTOMER_IDS, *(f"new {i}" for i in range(250)), *CUSTOMER_IDS]
    assert remote.recommend_many(ids, n=2) == engine.recommend_many(ids, n=2)
    assert remote.recommend_many(ids[:3], ALL, 1000) == engine.recommend_many(ids[:3], ALL, 1000)
    assert remote.recommend_many([]) == []


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda e: e.recommend("C-001", "magic"), UsageError),
        (lambda e: e.recommend("C-001", n=0), UsageError),
        (lambda e: e.recommend("C-001", offset=-1), UsageError),
        (lambda e: e.recommend_many(["C-001"], n=1001), UsageError),
        (lambda e: e.search_items("a", 0), UsageError),
        (lambda e: e.recommend("C-001", categories=["no such"]), UsageError),
        (lambda e: e.recommend("C-001", categories=["no such " * 1000]), UsageError),
        (lambda e: e.popular(category="no such"), UsageError),
        (lambda e: e.cluster_points(0), UsageError),
        (lambda e: e.similar_items("P-0011"), UnknownItemError),
        (lambda e: e.similar_items(""), UnknownItemError),
    ],
)
def test_errors_are_the_engines_own(remote: RemoteEngine, engine: FakeEngine, call: Any, kind: type) -> None:
    with pytest.raises(kind) as here:
        call(engine)
    with pytest.raises(kind) as there:
        call(remote)
    assert type(there.value) is type(here.value)
    if kind is UnknownItemError:
        assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)


@contextmanager
def answering(*answers: tuple[int, str, str]) -> Iterator[tuple[str, list[str]]]:
    """A server that is no Smart Retail API: gives these answers (status, type, body) in turn, then the last."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.headers.get("Authorization", ""))
            if not status:
                self.close_connection = True  # hang up without a word
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "answer",
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
def test_what_is_no_answer_of_the_api_is_a_remote_error(answer: tuple[int, str, str]) -> None:
    with answering(answer) as (url, _), RemoteEngine(url) as engine, pytest.raises(RemoteError) as error:
        engine.customer("C-001")
    assert str(answer[0]) in error.value.message


def test_a_problem_that_only_http_knows_is_a_remote_error_with_its_hint() -> None:
    body = '{"code": "unauthorized", "detail": "A valid key is needed.", "hint": "Send one."}'
    with (
        answering((401, "application/problem+json", body)) as (url, asked),
        RemoteEngine(url, api_key="secret") as engine,
        pytest.raises(RemoteError) as error,
    ):
        engine.customer("C-001")
    assert (error.value.message, error.value.hint) == ("A valid key is needed.", "Send one.")
    assert asked == ["Bearer secret"]
    assert "secret" not in str(error.value.as_dict())


def test_a_connection_that_breaks_twice_is_tried_a_third_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "BACKOFF", 0.001)
    good = (200, "application/json", '{"categories": ["Hats"]}')
    with answering((0, "", ""), (0, "", ""), good) as (url, asked), RemoteEngine(url) as engine:
        assert engine.categories() == ["Hats"]
        assert len(asked) == 3


def test_an_api_that_is_not_there_is_named_after_three_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "BACKOFF", 0.001)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://user:pass@127.0.0.1:{probe.getsockname()[1]}"
    with RemoteEngine(url) as engine, pytest.raises(RemoteError, match="cannot be reached") as error:
        engine.segments()
    assert "pass" not in error.value.message
    assert "serve api" in error.value.hint


def test_an_api_that_does_not_answer_is_given_up_in_time() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with RemoteEngine(url, timeout=0.2) as engine, pytest.raises(RemoteError, match="within 0\\.2 seconds"):
            engine.segments()


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://"])
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match="address"):
        RemoteEngine(url)


def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtraError) as error:
        RemoteEngine("http://127.0.0.1:8000")
    assert "flask" in error.value.hint
