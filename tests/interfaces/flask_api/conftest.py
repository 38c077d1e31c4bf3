"""The API over the fake engine: as a test client, and behind each server it may run under."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_engine import FakeEngine

pytest.importorskip("flask_openapi3")

from smart_retail_flask.app import create_app

SERVERS = ("werkzeug", "waitress", "gunicorn")
_SERVED = """
import signal
from fake_engine import FakeEngine
from smart_retail_flask import server as launch
from smart_retail_flask.app import create_app
from smart_retail_flask.settings import ApiSettings
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have told its jobs to ignore it
application = lambda: create_app(FakeEngine())
{call}
"""
_CALLS = {
    "gunicorn": 'launch.run(application, "127.0.0.1", {port}, 1, 2, ApiSettings())',
    "waitress": 'launch.run_in_threads(application, "127.0.0.1", {port}, 2, ApiSettings())',
}


@pytest.fixture(scope="session")
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture(scope="session")
def app(engine: FakeEngine) -> Any:
    return create_app(engine)


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


@contextmanager
def behind_werkzeug(app: Any) -> Iterator[str]:
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *args: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def started(server: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The API as `launch` runs it, in a process of its own: its address, and the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
    with subprocess.Popen(
        [sys.executable, "-c", _SERVED.format(call=_CALLS[server].format(port=port))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/livez")
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()


def wait_for(url: str, seconds: float = 30.0) -> None:
    """Until something answers there."""
    end = time.monotonic() + seconds
    while True:
        try:
            httpx.get(url, trust_env=False)
            return
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="session")
def live(app: Any) -> Iterator[str]:
    """The address of the running API."""
    with behind_werkzeug(app) as url:
        yield url


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest, app: Any) -> Iterator[str]:
    """The address of the API under each server."""
    if request.param != "werkzeug":
        pytest.importorskip(request.param)
        with started(request.param) as (url, _):
            yield url
        return
    with behind_werkzeug(app) as url:
        yield url
