"""The API over an artifacts folder, with jobs that run in a thread of the test process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseServer
from typing import Any

import pytest

from smart_retail.bundle.reader import read_pointer
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.serving.jobs import JobStore


def run_jobs_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the API run jobs in this process, so that tests need not start one."""
    from smart_retail_flask import job_runner

    def start(folder: Path) -> None:
        threading.Thread(target=job_runner.run_queue, args=(JobStore(folder),), daemon=True).start()

    monkeypatch.setattr(job_runner, "start_runner", start)


@contextmanager
def in_thread(server: BaseServer) -> Iterator[None]:
    """Run a server in a thread; it stops within a hundredth of a second, where the default takes half of one."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def served_app(app: Any) -> Iterator[str]:
    """Serve an app by the server of werkzeug; yield the URL."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class QuietHandler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *args: object) -> None:
            pass

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    with in_thread(server):
        yield f"http://127.0.0.1:{server.port}"


@contextmanager
def served_api(artifacts: Path) -> Iterator[str]:
    """Serve a folder and follow its versions; yield the URL."""
    from smart_retail_flask.app import create_app
    from smart_retail_flask.server import bundle_loader

    holder = ReloadingEngine(bundle_loader(artifacts), lambda: read_pointer(artifacts))
    with served_app(create_app(holder)) as url:
        yield url


def add_version(artifacts: Path, number: int) -> str:
    """Publish a copy of the active version under a new id."""
    import json
    import shutil

    from smart_retail.bundle.writer import set_active_pointer

    old, new = read_pointer(artifacts)[0], f"2099010{number}T000000Z-{number:08x}"
    copy = artifacts / "versions" / new
    shutil.copytree(artifacts / "versions" / old, copy)
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    (copy / "manifest.json").write_text(json.dumps(manifest | {"version": new}), encoding="utf-8")
    shutil.copy(artifacts / "current", artifacts / "previous")
    set_active_pointer(artifacts, "current", new)
    return new


def prepare_examples(artifacts: Path) -> None:
    """Add what the examples of the documentation name: saved rules, a second version and a job that has ended."""
    from smart_retail_flask.task_routes import EXAMPLES

    state = (EXAMPLES["rules-restore"][1] or {})["state"]
    history = artifacts / "rules-history"
    history.mkdir()
    (history / f"{state}.toml").write_text("max_per_category = 2\n", encoding="utf-8")
    add_version(artifacts, 2)
    write_example_job(artifacts)


def write_example_job(artifacts: Path) -> None:
    """Write the job of the examples, which the example of an erasure removes."""
    from smart_retail.results import Job, to_json
    from smart_retail_flask.route_table import EXAMPLE_JOB

    folder = artifacts / "jobs" / EXAMPLE_JOB
    folder.mkdir(parents=True, exist_ok=True)
    now = "2026-01-31T08:00:00.000000+00:00"
    job = Job(EXAMPLE_JOB, "report", "done", 1.0, "", now, now, "20260131T080000Z-00000000", None, 2)
    (folder / "job.json").write_bytes(to_json(job))
    (folder / "result.json").write_bytes(b"{}")
