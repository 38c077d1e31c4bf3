"""Every error is a problem+json with a stable code and reveals no ids, paths or tracebacks."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tests.fitted_shop import MakeEngine

from smart_retail.errors import DamagedBundleError
from smart_retail.serving.engine import Engine
from smart_retail_flask.app import create_app

BATCH = "/v1/recommendations:batch"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nowhere", 404, "not_found"),
        ("/v1/customers/c0001/recommendations?n=0", 400, "usage"),
        ("/v1/customers/c0001/recommendations?n=1001", 400, "usage"),
        ("/v1/customers/c0001/recommendations?n=ten", 400, "usage"),
        ("/v1/customers/c0001/recommendations?n=1_0", 400, "usage"),
        ("/v1/customers/c0001/recommendations?n=10.0", 400, "usage"),
        ("/v1/customers/c0001/recommendations?n=5&n=6", 400, "usage"),
        ("/v1/customers/c0001/recommendations?offset=-1", 400, "usage"),
        ("/v1/customers/c0001/recommendations?method=magic", 400, "usage"),
        ("/v1/customers/c0001/recommendations?explain=yes", 400, "usage"),
        ("/v1/customers/c0001/recommendations?metod=cf", 400, "usage"),
        ("/v1/customers/c0001/recommendations?category=%FF", 400, "usage"),
        ("/v1/customers/%FF", 400, "usage"),
        ("/v1/items/no-such-item/similar", 404, "unknown_item"),
        ("/v1/clusters/points?limit=0", 400, "usage"),
        ("/v1/recommendations:batch", 405, "method_not_allowed"),
    ],
)
def test_invalid_get_is_a_problem(client: Any, path: str, status: int, code: str) -> None:
    assert_problem(client.get(path), status, code)


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "usage"),
        (b"", "application/json", 400, "usage"),
        (b"[]", "application/json", 400, "usage"),
        (b'"{\\"customer_ids\\": [\\"a\\"]}"', "application/json", 400, "usage"),
        (b'{"customer_ids": []}', "application/json", 400, "usage"),
        (b'{"customer_ids": ["a"], "n": "10"}', "application/json", 400, "usage"),
        (b'{"customer_ids": ["a"], "explain": "true"}', "application/json", 400, "usage"),
        (b'{"customer_ids": ["a"], "more": 1}', "application/json", 400, "usage"),
        (b'{"customer_ids": ["\\ud800"]}', "application/json", 400, "usage"),
        (b'{"customer_ids": ["' + b'","' * 256 + b'"]}', "application/json", 400, "usage"),
        (b'{"customer_ids": ["a","b","c","d","e","f"], "n": 1000}', "application/json", 400, "usage"),
        (b'{"customer_ids": [' + b'"a",' * 51 + b'"a"], "n": 1, "method": "all"}', "application/json", 400, "usage"),
        (b'{"customer_ids": ["a","b"], "n": 501, "method": "all"}', "application/json", 400, "usage"),
        (b'{"customer_ids": ["a"]}', "text/plain", 415, "unsupported_media_type"),
        (b" " * 1_000_001, "application/json", 413, "too_large"),
    ],
)
def test_invalid_body_is_a_problem(client: Any, body: bytes, kind: str, status: int, code: str) -> None:
    assert_problem(client.post(BATCH, data=body, content_type=kind), status, code)


def test_largest_batch_is_accepted(client: Any) -> None:
    response = client.post(BATCH, json={"customer_ids": [f"C-{i}" for i in range(256)], "n": 19})
    assert len(response.json["lists"]) == 256
    assert client.post(BATCH, json={"customer_ids": ["c0001"], "n": 1000, "method": "all"}).status_code == 200
    assert client.post(BATCH, json={"customer_ids": ["c0001"] * 51, "n": 19, "method": "all"}).status_code == 200


def assert_problem(response: Any, status: int, code: str) -> None:
    problem = response.json
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "code", "hint", "request_id"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"].endswith(f":{code}")
    assert problem["request_id"] == response.headers["X-Request-Id"]
    assert problem["detail"]
    assert problem["hint"]


class FailingEngine(Engine):
    """Fails like a bug, or like a bundle that was damaged while in use."""

    def customer(self, customer_id: str) -> Any:
        raise ZeroDivisionError(f"/srv/secret/path and {customer_id}")

    def segments(self) -> Any:
        raise DamagedBundleError("/srv/secret/path/tables/x.npy has changed.", "Look at /srv/secret/path.")


def test_server_errors_contain_no_path_id_or_traceback(
    caplog: pytest.LogCaptureFixture, make_engine: MakeEngine
) -> None:
    client = create_app(make_engine(FailingEngine)).test_client()
    with caplog.at_level(logging.INFO):
        bug, damage = client.get("/v1/customers/c0077"), client.get("/v1/segments")
    assert_problem(bug, 500, "internal")
    assert_problem(damage, 503, "bundle_damaged")
    output = bug.text + damage.text + caplog.text
    assert not any(word in output for word in ("secret", "c0077", "Traceback"))
    assert bug.json["request_id"] in caplog.text


def test_log_contains_routes_but_no_ids(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/v1/customers/c0077/recommendations?category=Hats", headers={"X-Request-Id": "mine-1"})
        client.get("/v1/items/I-077/similar")
    assert "/v1/customers/<id:customer_id>/recommendations" in caplog.text
    assert "'request_id': 'mine-1'" in caplog.text
    assert not any(word in caplog.text for word in ("c0077", "I-077", "Hats"))


def test_error_does_not_repeat_values_of_the_request(client: Any) -> None:
    response = client.post(BATCH, json={"customer_ids": ["c0077", 5], "n": 3})
    assert "c0077" not in response.text
    assert "c0077" not in client.get("/v1/popular?n=c0077").text


def test_unknown_query_parameter_is_named_with_a_suggestion(client: Any) -> None:
    problem = client.get("/v1/customers/c0001/recommendations?metod=cf").json
    assert problem["detail"] == "Unknown query parameter 'metod'."
    assert problem["hint"].startswith("Did you mean 'method'? Valid parameters: method, n, ")
    assert client.get("/v1/popular?zzz=1").json["hint"].startswith("Valid parameters: n, offset, category")


def test_unknown_query_parameter_is_named_without_control_characters_and_shortened(client: Any) -> None:
    assert client.get("/v1/popular?a%00%1Bb=1").json["detail"] == "Unknown query parameter 'a??b'."
    assert len(client.get(f"/v1/popular?{'x' * 5000}=1").json["detail"]) < 80


def test_unknown_field_of_a_body_is_named(client: Any) -> None:
    assert client.post(BATCH, json={"customer_ids": ["a"], "limit": 1}).json["detail"] == "Unknown field 'limit'."
