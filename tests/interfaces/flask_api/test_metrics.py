"""Figures are there when asked for, add up over workers, and name no one."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from typing import Any

import pytest
from fake_engine import FakeEngine

from smart_retail_flask.app import create_app, new_counters
from smart_retail_flask.json_logging import JsonLines
from smart_retail_flask.prometheus import SLOTS, Slots, gunicorn_hooks
from smart_retail_flask.settings import ApiKey, ApiSettings, new_key

SAMPLE = re.compile(r'([a-z_]+)(\{(?:[a-z]+="[^"]*",?)*\})? (\S+)')


def figures(text: str) -> dict[str, float]:
    """Sample -> value, of a text in Prometheus form."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            assert match, line
            found[match[1] + (match[2] or "")] = float(match[3])
    return found


@pytest.fixture
def client() -> Any:
    return create_app(FakeEngine(), ApiSettings(metrics=True)).test_client()


def test_the_switch_is_off_at_first() -> None:
    answer = create_app(FakeEngine()).test_client().get("/metrics")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_requests_are_counted_by_route_and_status(client: Any) -> None:
    for customer in ("C-001", "C-002", "nobody?strict=true"):
        client.get(f"/v1/customers/{customer}")
    client.get("/nowhere")
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    found = figures(answer.text)
    route = 'method="GET",route="/v1/customers/<id:customer_id>"'
    assert found[f'smart_retail_requests_total{{{route},status="200"}}'] == 2
    assert found[f'smart_retail_requests_total{{{route},status="404"}}'] == 1
    assert found['smart_retail_requests_total{method="",route="other",status="404"}'] == 1
    assert found[f"smart_retail_request_seconds_count{{{route}}}"] == 3
    assert found[f'smart_retail_request_seconds_bucket{{{route},le="+Inf"}}'] == 3
    assert found[f"smart_retail_request_seconds_sum{{{route}}}"] > 0
    assert found['smart_retail_model_info{version="fake-1"}'] == 1
    assert "C-001" not in answer.text


def test_buckets_only_grow_from_edge_to_edge() -> None:
    counters = new_counters()
    for seconds in (0.0005, 0.001, 0.3, 60.0):
        counters.count("GET", "/v1/model", 200, seconds)
    ((_, _, by_time, total),) = counters.totals()
    assert by_time == [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]
    assert total == pytest.approx(60.3015)


def test_whoever_may_read_may_read_the_figures() -> None:
    key, line = new_key()
    settings = ApiSettings(metrics=True, keys=(ApiKey(*line.split(":")),))
    client = create_app(FakeEngine(), settings).test_client()
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.skipif(sys.platform == "win32", reason="one process there")
def test_the_counts_of_all_workers_add_up_and_outlive_them() -> None:
    counters = new_counters()
    hooks = gunicorn_hooks(counters)
    for worker in range(3):
        hooks["pre_fork"](None, worker)
        child = os.fork()
        if child == 0:
            for _ in range(10 + worker):
                counters.count("GET", "/v1/model", 200, 0.01)
            os._exit(0)
        os.waitpid(child, 0)
        if worker == 0:
            hooks["child_exit"](None, worker)
    ((route, by_status, _, _),) = counters.totals()
    assert route == ("GET", "/v1/model")
    assert sum(by_status) == 10 + 11 + 12


def test_a_slot_is_nobody_elses_while_its_worker_lives() -> None:
    slots = Slots()
    first = [slots.take(worker) for worker in range(SLOTS)]
    assert len(set(first)) == SLOTS
    assert slots.take("one too many") == SLOTS - 1
    slots.leave(3)
    assert slots.take("next") == first[3]


def test_a_line_of_the_log_is_json_with_the_request_id(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/v1/customers/C-077", headers={"X-Request-Id": "mine-2"})
    line = json.loads(JsonLines().format(caplog.records[-1]))
    assert (line["event"], line["request_id"], line["status"], line["level"]) == ("request", "mine-2", 200, "INFO")
    assert line["route"] == "/v1/customers/<id:customer_id>"
    assert "C-077" not in json.dumps(line)


def test_a_text_and_a_trace_are_lines_of_json_too() -> None:
    try:
        raise ValueError("a\nb")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "two\nlines %s", ("é",), sys.exc_info())
    text = JsonLines().format(record)
    assert "\n" not in text
    assert json.loads(text)["text"] == "two\nlines é"
    assert "ValueError" in json.loads(text)["trace"]
