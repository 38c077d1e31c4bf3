"""Fixtures: the API over the fake engine, as a test client and under each supported server."""

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

from smart_retail.errors import RetailError
from smart_retail_flask.app import create_app

SERVERS = ("werkzeug", "waitress", "gunicorn")
_SERVER_SCRIPT = """
import signal
from fake_engine import FakeEngine
from smart_retail_flask import server
from smart_retail_flask.app import create_app
from smart_retail_flask.settings import ServerOptions
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
server.{function}(lambda: create_app(FakeEngine()), ServerOptions(port={port}, workers=1, threads=2, {options}))
"""
_FUNCTIONS = {"gunicorn": "run_server", "waitress": "run_waitress"}


class LocalFakeEngine(FakeEngine):
    """A fake engine with an artifacts folder, so that it accepts events and erasures."""

    is_local = True

    def __init__(self, artifacts: Path) -> None:
        super().__init__()
        self.artifacts = artifacts
        self.rules_error: RetailError | None = None

    def state_of(self, customer_id: str | None = None) -> tuple[object, str, int]:
        return self, "", 0


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
def werkzeug_server(app: Any) -> Iterator[str]:
    """Run an app under werkzeug's server in a thread; yield its URL."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class QuietHandler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *args: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def server_process(
    server: str, options: str = "", stderr: int = subprocess.DEVNULL
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the API under gunicorn or waitress in a subprocess; yield its URL and the process.

    Parameters
    ----------
    server : str
        ``gunicorn`` or ``waitress``.
    options : str
        Further arguments of `ServerOptions`, as Python code.
    stderr : int
        Where the process writes its log.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER_SCRIPT.format(function=_FUNCTIONS[server], port=port, options=options)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stderr=stderr,
    ) as process:
        try:
            wait_until_responding(f"http://127.0.0.1:{port}/livez")
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()


def wait_until_responding(url: str, seconds: float = 60.0) -> None:
    """Poll a URL until a server responds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            httpx.get(url, trust_env=False)
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="session")
def live(app: Any) -> Iterator[str]:
    """URL of the API under werkzeug's server."""
    with werkzeug_server(app) as url:
        yield url


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest, app: Any) -> Iterator[str]:
    """URL of the API under each supported server."""
    if request.param != "werkzeug":
        pytest.importorskip(request.param)
        with server_process(request.param) as (url, _):
            yield url
        return
    with werkzeug_server(app) as url:
        yield url
