"""What one worker is told, every worker knows; figures are those of all of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from smart_retail.results import FitReport

from .server import needs_sigkill, serving

pytestmark = [needs_sigkill, pytest.mark.slow]

CUSTOMER = "Zzyzx-7f3a"
LOOKS = 20
"""A worker is met at random; each look is a connection of its own."""


def test_events_erasures_and_figures_hold_in_every_worker(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    with serving(root, "--metrics", workers=2) as server:

        def known() -> list[bool]:
            path = f"{server.url}/v1/customers/{CUSTOMER}"
            return [httpx.get(path, trust_env=False).json()["known"] for _ in range(LOOKS)]

        event = {"event_id": "e1", "customer_id": CUSTOMER, "item_id": "G-007", "timestamp": "2025-03-01"}
        with server.client() as client:
            assert known() == [False] * LOOKS
            assert client.post("/v1/events", json={"events": [event]}).json() == {"received": 1, "new": 1}
            assert known() == [True] * LOOKS
            receipt = client.delete(f"/v1/customers/{CUSTOMER}")
            assert receipt.json()["events"] == 1
            assert known() == [False] * LOOKS
        figures = httpx.get(f"{server.url}/metrics", trust_env=False).text
    asked = f'{{method="GET",route="/v1/customers/<id:customer_id>",status="200"}} {3 * LOOKS}'
    assert f"smart_retail_requests_total{asked}\n" in figures
    for path in root.rglob("*"):
        assert not path.is_file() or CUSTOMER.encode() not in path.read_bytes(), path
