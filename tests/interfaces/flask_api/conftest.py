"""Fixtures: the API over the small shop, as a test client and under each supported server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.served_api import served_app

from smart_retail.serving.engine import Engine

pytest.importorskip("flask_openapi3")

from smart_retail.results import FitReport
from smart_retail_flask.app import create_app

SERVERS = ("werkzeug", "waitress", "gunicorn")
_SERVER_SCRIPT = """
import signal
from smart_retail.serving.engine import Engine
from smart_retail_flask import server
from smart_retail_flask.app import create_app
from smart_retail_flask.settings import ServerOptions
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
options = ServerOptions(port={port}, workers=1, threads=2, {options})
server.{function}(lambda: create_app(Engine.load({artifacts!r})), options)
"""
_FUNCTIONS = {"gunicorn": "run_server", "waitress": "run_waitress"}


@pytest.fixture
def local_engine(fitted: tuple[Path, FitReport], tmp_path: Path) -> Engine:
    """An engine over a copy of the bundle, for tests that write events, erase customers or change files."""
    return Engine.load(shutil.copytree(fitted[0], tmp_path / "artifacts"))


@pytest.fixture(scope="session")
def app(engine: Engine) -> Any:
    return create_app(engine)


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


@contextmanager
def server_process(
    artifacts: Path, server: str, options: str = "", stderr: int = subprocess.DEVNULL
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the API under gunicorn or waitress in a subprocess; yield its URL and the process.

    Parameters
    ----------
    artifacts : Path
        The folder that holds the bundle.
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
    script = _SERVER_SCRIPT.format(function=_FUNCTIONS[server], artifacts=str(artifacts), port=port, options=options)
    with subprocess.Popen(
        [sys.executable, "-c", script],
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
    with served_app(app) as url:
        yield url


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest, app: Any, engine: Engine) -> Iterator[str]:
    """URL of the API under each supported server."""
    if request.param != "werkzeug":
        pytest.importorskip(request.param)
        with server_process(engine.artifacts, request.param) as (url, _):
            yield url
        return
    with served_app(app) as url:
        yield url
