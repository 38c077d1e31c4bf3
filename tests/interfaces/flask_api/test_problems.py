"""Every error is a problem with a stable code, and tells nothing that it should not."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fake_engine import FakeEngine

from smart_retail.errors import DamagedBundleError
from smart_retail_flask.app import create_app

BATCH = "/v1/recommendations:batch"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nowhere", 404, "not_found"),
        ("/v1/customers/C-001/recommendations?n=0", 400, "usage"),
        ("/v1/customers/C-001/recommendations?n=1001", 400, "usage"),
        ("/v1/customers/C-001/recommendations?n=ten", 400, "usage"),
        ("/v1/customers/C-001/recommendations?n=1_0", 400, "usage"),
        ("/v1/customers/C-001/recommendations?n=10.0", 400, "usage"),
        ("/v1/customers/C-001/recommendations?n=5&n=6", 400, "usage"),
        ("/v1/customers/C-001/recommendations?offset=-1", 400, "usage"),
        ("/v1/customers/C-001/recommendations?method=magic", 400, "usage"),
        ("/v1/customers/C-001/recommendations?explain=yes", 400, "usage"),
        ("/v1/customers/C-001/recommendations?metod=cf", 400, "usage"),
        ("/v1/customers/C-001/recommendations?category=%FF", 400, "usage"),
        ("/v1/customers/%FF", 400, "usage"),
        ("/v1/items/no-such-item/similar", 404, "unknown_item"),
        ("/v1/clusters/points?limit=0", 400, "usage"),
        ("/v1/recommendations:batch", 405, "method_not_allowed"),
    ],
)
def test_a_wrong_get_is_a_problem(client: Any, path: str, status: int, code: str) -> None:
    check(client.get(path), status, code)


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
        (b'{"customer_ids": ["a","b"], "n": 501, "method": "all"}', "application/json", 400, "usage"),
        (b'{"customer_ids": ["a"]}', "text/plain", 415, "unsupported_media_type"),
        (b" " * 1_000_001, "application/json", 413, "too_large"),
    ],
)
def test_a_wrong_body_is_a_problem(client: Any, body: bytes, kind: str, status: int, code: str) -> None:
    check(client.post(BATCH, data=body, content_type=kind), status, code)


def test_the_largest_batch_is_answered(client: Any) -> None:
    answer = client.post(BATCH, json={"customer_ids": [f"C-{i}" for i in range(256)], "n": 19})
    assert len(answer.json["lists"]) == 256
    assert client.post(BATCH, json={"customer_ids": ["C-001"], "n": 1000, "method": "all"}).status_code == 200


def check(answer: Any, status: int, code: str) -> None:
    problem = answer.json
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "code", "hint", "request_id"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"].endswith(f":{code}")
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["detail"]
    assert problem["hint"]


class Broken(FakeEngine):
    """Fails as a bug would, or as a bundle that was damaged under its feet."""

    def customer(self, customer_id: str) -> Any:
        raise ZeroDivisionError(f"/srv/secret/path and {customer_id}")

    def segments(self) -> Any:
        raise DamagedBundleError("/srv/secret/path/tables/x.npy has changed.", "Look at /srv/secret/path.")


def test_bugs_and_damage_tell_no_path_id_or_trace(caplog: pytest.LogCaptureFixture) -> None:
    client = create_app(Broken()).test_client()
    with caplog.at_level(logging.INFO):
        bug, damage = client.get("/v1/customers/C-077"), client.get("/v1/segments")
    check(bug, 500, "internal")
    check(damage, 503, "bundle_damaged")
    told = bug.text + damage.text + caplog.text
    assert not any(word in told for word in ("secret", "C-077", "Traceback"))
    assert bug.json["request_id"] in caplog.text


def test_the_log_names_routes_and_never_ids(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/v1/customers/C-077/recommendations?category=Hats", headers={"X-Request-Id": "mine-1"})
        client.get("/v1/items/I-077/similar")
    assert "/v1/customers/<id:customer_id>/recommendations" in caplog.text
    assert "'request_id': 'mine-1'" in caplog.text
    assert not any(word in caplog.text for word in ("C-077", "I-077", "Hats"))


def test_an_error_does_not_repeat_the_input(client: Any) -> None:
    answer = client.post(BATCH, json={"customer_ids": ["C-077", 5], "n": 3})
    assert "C-077" not in answer.text
    assert "C-077" not in client.get("/v1/popular?C-077=1").text
