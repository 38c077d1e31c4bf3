"""Events and erasures are visible in every worker, and metrics are summed over all workers."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from smart_retail.results import FitReport

from .server import needs_sigkill, running_server

pytest.importorskip("prometheus_client")
pytestmark = [needs_sigkill, pytest.mark.slow]

CUSTOMER = "Zzyzx-7f3a"
REQUESTS = 20
"""A random worker handles each connection, so several requests reach all of them."""


def test_events_erasures_and_metrics_hold_in_every_worker(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    with running_server(root, "--metrics", workers=2) as server:

        def known() -> list[bool]:
            path = f"{server.url}/v1/customers/{CUSTOMER}"
            return [httpx.get(path, trust_env=False).json()["known"] for _ in range(REQUESTS)]

        event = {"event_id": "e1", "customer_id": CUSTOMER, "item_id": "G-007", "timestamp": "2025-03-01"}
        with server.client() as client:
            assert known() == [False] * REQUESTS
            assert client.post("/v1/events", json={"events": [event]}).json() == {"received": 1, "new": 1}
            assert known() == [True] * REQUESTS
            receipt = client.delete(f"/v1/customers/{CUSTOMER}")
            assert receipt.json()["events"] == 1
            assert known() == [False] * REQUESTS
        metrics = httpx.get(f"{server.url}/metrics", trust_env=False).text
    labels = 'method="GET",route="/v1/customers/<id:customer_id>",status="200"'
    assert f"smart_retail_requests_total{{{labels}}} {float(3 * REQUESTS)}\n" in metrics
    for path in root.rglob("*"):
        assert not path.is_file() or CUSTOMER.encode() not in path.read_bytes(), path
