"""Version changes and erasures under load: no request fails or mixes versions."""

from __future__ import annotations

import shutil
import threading
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from smart_retail.bundle.erasure import erase
from smart_retail.bundle.reader import read_pointer
from smart_retail.results import FitReport

from .version_swaps import activate, continuous_requests, make_two_versions

pytest.importorskip("flask_openapi3")

READS = (
    "customers/c0021/recommendations?method=all", "customers/unknown/recommendations", "customers/A%2FB",
    "customers?q=c00", "items?q=thing", "items/G-007/similar", "popular", "categories", "segments", "rfm-grid",
    "clusters", "clusters/points", "model",
)  # fmt: skip


@pytest.mark.slow
def test_version_swaps_under_load_fail_no_request(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    from smart_retail.serving.hot_reload import ReloadingEngine
    from smart_retail_flask.app import create_app
    from smart_retail_flask.server import bundle_loader

    root, full, reduced = make_two_versions(fitted[0], tmp_path)
    holder = ReloadingEngine(bundle_loader(root), lambda: read_pointer(root))
    app = create_app(holder)

    def sender() -> Any:
        client = app.test_client()
        return lambda body: client.post("/v1/recommendations:batch", json=body)

    with continuous_requests([sender(), sender()], full) as outcomes:
        for number in range(10):
            before = len(outcomes)
            activate(root, (reduced, full)[number % 2])
            holder.refresh()
            assert holder.get().version == (reduced, full)[number % 2]
            while len(outcomes) < before + 4:  # both threads have sent requests since
                time.sleep(0.001)
    assert [fault for fault in outcomes if fault] == []
    assert len(outcomes) >= 40


@pytest.mark.slow
def test_erasures_under_load_fail_no_request(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    from smart_retail.serving.hot_reload import ReloadingEngine
    from smart_retail_flask.app import create_app
    from smart_retail_flask.server import bundle_loader

    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    app = create_app(ReloadingEngine(bundle_loader(root), lambda: read_pointer(root)))
    stop, statuses = threading.Event(), []

    def send_until_stopped() -> None:
        client, paths = app.test_client(), cycle(f"/v1/{path}" for path in READS)
        while not stop.is_set():
            statuses.append(client.get(next(paths)).status_code)

    threads = [threading.Thread(target=send_until_stopped) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(100, 105):
            # Like an erasure in another worker: this one serves from the removed version until it reloads.
            erase(root, f"c{number:04}")
            before = len(statuses)
            while len(statuses) < before + 2 * len(READS):
                time.sleep(0.001)
        app.test_client().delete("/v1/customers/c0105")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}
    assert app.test_client().get("/v1/customers/c0104").json["known"] is False
