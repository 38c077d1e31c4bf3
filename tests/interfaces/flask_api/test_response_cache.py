"""A cached response is returned only while it equals the response that would be computed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fitted_shop import MakeEngine

from smart_retail.bundle.reader import Bundle
from smart_retail.serving.engine import Engine

pytest.importorskip("flask_openapi3")

from smart_retail.results import RecommendationList
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.app import create_app
from smart_retail_flask.response_cache import MAX_RESPONSE_BYTES, ResponseCache

PATH = "/v1/customers/c0001/recommendations"


class CountingEngine(Engine):
    """Counts its calls and reports the state that responses depend on."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.calls = 0
        self.bundle_id = object()
        self.last_event: dict[str | None, int] = {}

    def query_customers(self, *arguments: Any) -> list[RecommendationList]:
        self.calls += 1
        return super().query_customers(*arguments)

    def state_of(self, customer_id: str | None = None) -> tuple[object, str, int]:
        return self.bundle_id, "", self.last_event.get(customer_id, 0)


class EventDuringRequest(CountingEngine):
    """Receives an event of the customer while it computes the first response."""

    def query_customers(self, *arguments: Any) -> list[RecommendationList]:
        if not self.calls:
            self.last_event["c0001"] = 7
        return super().query_customers(*arguments)


@pytest.fixture
def counting(make_engine: MakeEngine) -> CountingEngine:
    return make_engine(CountingEngine)


def test_repeated_request_gets_the_same_bytes_without_a_second_computation(
    counting: CountingEngine, engine: Engine
) -> None:
    client = create_app(counting).test_client()
    first, second = client.get(f"{PATH}?n=3"), client.get(f"{PATH}?n=3")
    assert counting.calls == 1
    assert first.data == second.data == create_app(engine).test_client().get(f"{PATH}?n=3").data
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert first.content_type == second.content_type == "application/json"


@pytest.mark.parametrize("other", [f"{PATH}?n=4", "/v1/customers/c0002/recommendations?n=3", f"{PATH}?n=3&offset=1"])
def test_different_request_gets_its_own_response(counting: CountingEngine, other: str, engine: Engine) -> None:
    client = create_app(counting).test_client()
    client.get(f"{PATH}?n=3")
    assert client.get(other).data == create_app(engine).test_client().get(other).data


def test_event_of_the_customer_invalidates_the_response(counting: CountingEngine) -> None:
    client = create_app(counting).test_client()
    client.get(PATH)
    counting.last_event["c0002"] = 7
    client.get(PATH)
    assert counting.calls == 1, "an event of another customer must not invalidate it"
    counting.last_event["c0001"] = 8
    client.get(PATH)
    assert counting.calls == 2


def test_response_is_not_cached_if_an_event_arrived_during_the_request(make_engine: MakeEngine) -> None:
    """It may contain that event, so it must not be returned again after the customer was erased."""
    engine = make_engine(EventDuringRequest)
    client = create_app(engine).test_client()
    client.get(PATH)
    engine.last_event["c0001"] = 0
    client.get(PATH)
    assert engine.calls == 2


def test_new_bundle_does_not_use_responses_of_the_previous_one(
    counting: CountingEngine, make_engine: MakeEngine
) -> None:
    engines: list[Engine] = [counting]
    holder = ReloadingEngine(lambda: engines[-1], lambda: len(engines))
    client = create_app(holder).test_client()
    client.get(PATH)
    newer = make_engine(CountingEngine)
    engines.append(newer)
    holder.refresh()
    client.get(PATH)
    assert (counting.calls, newer.calls) == (1, 1)


def test_errors_are_not_cached(counting: CountingEngine) -> None:
    client = create_app(counting).test_client()
    path = "/v1/customers/unknown/recommendations?strict=true"
    assert [client.get(path).status_code for _ in range(2)] == [404, 404]
    assert [client.get(f"{PATH}?n=0").status_code for _ in range(2)] == [400, 400]
    assert counting.calls == 2


def test_engine_of_another_api_is_called_for_each_request(make_engine: MakeEngine) -> None:
    class RemoteCountingEngine(CountingEngine):
        is_local = False

    engine = make_engine(RemoteCountingEngine)
    client = create_app(engine).test_client()
    assert client.get(PATH).data == client.get(PATH).data
    assert engine.calls == 2


def test_cache_is_bounded_and_evicts_the_least_recently_used() -> None:
    cache, state = ResponseCache(max_bytes=100), (object(),)
    for request in range(10):
        cache.put(request, state, bytes(20))
        cache.get(0, state)
    assert [request for request in range(10) if cache.get(request, state)] == [0, 6, 7, 8, 9]


def test_large_response_is_not_cached() -> None:
    cache, state = ResponseCache(), (object(),)
    cache.put("large", state, bytes(MAX_RESPONSE_BYTES + 1))
    assert cache.get("large", state) is None


def test_responses_of_the_previous_bundle_are_removed() -> None:
    cache, before, now = ResponseCache(), (object(),), (object(),)
    cache.put("a", before, b"1")
    cache.put("b", now, b"2")
    assert cache.get("a", before) is None
    assert cache.get("b", now) == b"2"
