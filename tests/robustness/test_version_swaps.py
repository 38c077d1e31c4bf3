"""Versions come and go under load: nothing fails, nothing is mixed."""

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

from .version_swaps import activate, asked_all_the_time, two_versions

pytest.importorskip("flask_openapi3")

QUESTIONS = (
    "customers/c0021/recommendations?method=all", "customers/nobody/recommendations", "customers/A%2FB",
    "customers?q=c00", "items?q=thing", "items/G-007/similar", "popular", "categories", "segments", "rfm-grid",
    "clusters", "clusters/points", "model",
)  # fmt: skip


def test_swaps_under_load_fail_and_mix_nothing(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    from smart_retail.serving.hot_reload import ReloadingEngine
    from smart_retail_flask.app import create_app
    from smart_retail_flask.server import bundle_loader

    root, full, less = two_versions(fitted[0], tmp_path)
    holder = ReloadingEngine(bundle_loader(root), lambda: read_pointer(root))
    app = create_app(holder)

    def asker() -> Any:
        client = app.test_client()
        return lambda body: client.post("/v1/recommendations:batch", json=body)

    with asked_all_the_time([asker(), asker()], full) as tally:
        for number in range(10):
            seen = len(tally)
            activate(root, (less, full)[number % 2])
            holder.refresh()
            assert holder.get().version == (less, full)[number % 2]
            while len(tally) < seen + 4:  # both threads have asked since
                time.sleep(0.001)
    assert [fault for fault in tally if fault] == []
    assert len(tally) >= 40


def test_erasures_under_load_fail_nothing(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    from smart_retail.serving.hot_reload import ReloadingEngine
    from smart_retail_flask.app import create_app
    from smart_retail_flask.server import bundle_loader

    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    app = create_app(ReloadingEngine(bundle_loader(root), lambda: read_pointer(root)))

    def asker() -> Any:
        client, paths = app.test_client(), cycle(f"/v1/{path}" for path in QUESTIONS)
        return lambda: client.get(next(paths)).status_code

    stop, tally = threading.Event(), []

    def ask_on(ask: Any) -> None:
        while not stop.is_set():
            tally.append(ask())

    threads = [threading.Thread(target=ask_on, args=(asker(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(100, 105):
            # Another worker than that which erases knows of it later: meanwhile it answers from a version that is gone.
            erase(root, f"c{number:04}")
            seen = len(tally)
            while len(tally) < seen + 2 * len(QUESTIONS):
                time.sleep(0.001)
        app.test_client().delete("/v1/customers/c0105")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(tally) == {200}
    assert app.test_client().get("/v1/customers/c0104").json["known"] is False
