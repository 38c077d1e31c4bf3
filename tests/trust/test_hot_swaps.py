"""Versions come and go under load: nothing fails, nothing is mixed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from smart_retail.bundle import read_pointer
from smart_retail.results import FitReport

from .hot_swaps import activate, asked_all_the_time, two_versions

pytest.importorskip("flask_openapi3")


def test_swaps_under_load_fail_and_mix_nothing(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    from smart_retail_flask.app import create_app
    from smart_retail_flask.holder import EngineHolder
    from smart_retail_flask.launch import loader

    root, full, less = two_versions(fitted[0], tmp_path)
    holder = EngineHolder(loader(root), lambda: read_pointer(root))
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
