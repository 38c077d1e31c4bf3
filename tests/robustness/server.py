"""`smart-retail serve api` as a subprocess that tests can kill and restart."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
START_TIMEOUT_SECONDS = 120.0
"""Enough for a server to start on a busy machine."""
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "core"), *(str(p) for p in (ROOT / "interfaces").iterdir())])
ENVIRONMENT = {**os.environ, "PYTHONPATH": PATHS, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}

needs_sigkill = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")


class Server:
    """The API over an artifacts folder, on a free port."""

    def __init__(self, artifacts: Path, *options: str, workers: int = 1) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [
            *(sys.executable, "-m", "smart_retail_cli", "--artifacts", str(artifacts), "serve", "api"),
            *("--port", str(self.port), "--workers", str(workers), "--log-level", "error", *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        current = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "SMART_RETAIL_"))}
        self._process = subprocess.Popen(
            self._command, env=ENVIRONMENT | current, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            try:
                if httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                assert self._process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.05)

    def kill(self) -> None:
        """Send SIGKILL to all processes of the server."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def processes(self) -> list[int]:
        """Return the ids of its processes, the main process first."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii")
        return [self._process.pid, *map(int, children.split())]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60)


@contextmanager
def running_server(artifacts: Path, *options: str, workers: int = 1) -> Iterator[Server]:
    """Start a server and kill it at the end of the block."""
    server = Server(artifacts, *options, workers=workers)
    server.start()
    try:
        yield server
    finally:
        if server.is_running():
            server.kill()
