"""Metrics: available on request, summed over workers, without ids. Log: one JSON object per line."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

import pytest

from smart_retail.serving.engine import Engine

pytest.importorskip("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families

from smart_retail_flask.app import create_app, new_counters
from smart_retail_flask.json_logging import JsonFormatter
from smart_retail_flask.prometheus import MAX_SLOTS, WorkerSlots, gunicorn_hooks
from smart_retail_flask.settings import ApiKey, ApiSettings, new_key

ROUTE = {"method": "GET", "route": "/v1/customers/<id:customer_id>"}


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the value of each sample in Prometheus text format, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


@pytest.fixture
def client(engine: Engine) -> Any:
    return create_app(engine, ApiSettings(metrics=True)).test_client()


def test_metrics_are_off_by_default(engine: Engine) -> None:
    response = create_app(engine).test_client().get("/metrics")
    assert (response.status_code, response.json["code"]) == (404, "not_found")


def test_requests_are_counted_by_route_and_status(client: Any, engine: Engine) -> None:
    for customer in ("c0001", "c0002", "unknown?strict=true"):
        client.get(f"/v1/customers/{customer}")
    client.get("/nowhere")
    response = client.get("/metrics")
    assert response.content_type.startswith("text/plain; version=0.0.4")
    found = samples(response.text)
    assert found[key("smart_retail_requests_total", **ROUTE, status="200")] == 2
    assert found[key("smart_retail_requests_total", **ROUTE, status="404")] == 1
    assert found[key("smart_retail_requests_total", method="", route="other", status="404")] == 1
    assert found[key("smart_retail_request_seconds_count", **ROUTE)] == 3
    assert found[key("smart_retail_request_seconds_bucket", **ROUTE, le="+Inf")] == 3
    assert found[key("smart_retail_request_seconds_sum", **ROUTE)] > 0
    assert found[key("smart_retail_model_info", version=engine.version)] == 1
    assert found[key("smart_retail_model_refused")] == 0
    assert "c0001" not in response.text


def test_histogram_buckets_include_their_upper_bound() -> None:
    counters = new_counters()
    for seconds in (0.0005, 0.001, 0.3, 60.0):
        counters.record("GET", "/v1/model", 200, seconds)
    (totals,) = counters.totals()
    assert totals.by_time == [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]
    assert totals.seconds == pytest.approx(60.3015)


def test_histogram_buckets_are_cumulated(engine: Engine) -> None:
    counters = new_counters()
    for seconds in (0.0005, 0.3, 60.0):
        counters.record("GET", "/v1/model", 200, seconds)
    client = create_app(engine, ApiSettings(metrics=True), counters).test_client()
    found = samples(client.get("/metrics").text)
    labels = {"method": "GET", "route": "/v1/model"}
    bounds = ("0.001", "0.25", "1.0", "5.0", "+Inf")
    buckets = [found[key("smart_retail_request_seconds_bucket", **labels, le=bound)] for bound in bounds]
    assert buckets == [1, 1, 2, 2, 3]


def test_metrics_need_a_key_of_any_role(engine: Engine) -> None:
    secret, line = new_key()
    settings = ApiSettings(metrics=True, keys=(ApiKey(*line.split(":")),))
    client = create_app(engine, settings).test_client()
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


@pytest.mark.skipif(sys.platform == "win32", reason="one process on Windows")
def test_counts_of_all_workers_add_up_and_outlive_them() -> None:
    counters = new_counters()
    hooks = gunicorn_hooks(counters)
    for worker in range(3):
        hooks["pre_fork"](None, worker)
        child = os.fork()
        if child == 0:
            for _ in range(10 + worker):
                counters.record("GET", "/v1/model", 200, 0.01)
            os._exit(0)
        os.waitpid(child, 0)
        if worker == 0:
            hooks["child_exit"](None, worker)
    (totals,) = counters.totals()
    assert totals.route == ("GET", "/v1/model")
    assert sum(totals.by_status) == 10 + 11 + 12


def test_running_workers_do_not_share_a_slot() -> None:
    slots = WorkerSlots()
    assigned = [slots.acquire(worker) for worker in range(MAX_SLOTS)]
    assert len(set(assigned)) == MAX_SLOTS
    assert slots.acquire("one too many") == MAX_SLOTS - 1
    slots.release(3)
    assert slots.acquire("next") == assigned[3]


def test_log_line_is_json_with_the_request_id(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/v1/customers/c0077", headers={"X-Request-Id": "mine-2"})
    line = json.loads(JsonFormatter().format(caplog.records[-1]))
    assert (line["event"], line["request_id"], line["status"], line["level"]) == ("request", "mine-2", 200, "INFO")
    assert line["route"] == "/v1/customers/<id:customer_id>"
    assert "c0077" not in json.dumps(line)


def test_text_and_traceback_are_logged_as_one_line_of_json() -> None:
    try:
        raise ValueError("a\nb")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "two\nlines %s", ("é",), sys.exc_info())
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert json.loads(text)["text"] == "two\nlines é"
    assert "ValueError" in json.loads(text)["trace"]
