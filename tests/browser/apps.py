"""Running apps, and a browser for their pages."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

from tests.processes import stop_process

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
MAX_WAIT_MS = 180_000
"""Longest wait for an element or a download, for machines under load."""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
START_TIMEOUT_SECONDS = 120.0


@contextmanager
def serving(app: str, port: int, artifacts: Path) -> Iterator[str]:
    """Run an app in a separate process during the block; yield its address."""
    command = [sys.executable, "-m", "tests.browser.serve", app, str(port), str(artifacts)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(process, address)
        yield address
    finally:
        stop_process(process)


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the app ended with exit code {process.returncode}")
        try:
            with opener.open(address, timeout=2) as response:
                if response.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.3)
    raise TimeoutError(f"{address} does not respond")


@contextmanager
def browsing() -> Iterator[Any]:
    """Start Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page with its console errors and its requests to other machines."""

    def __init__(self, browser: Any, scheme: str = "light", width: int = 1400, height: int = 900) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(MAX_WAIT_MS)
        self.console_errors: list[str] = []
        self.external_requests: list[str] = []
        self.page.on("console", lambda message: message.type == "error" and self._add_console_error(message))
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        self.page.on("request", lambda request: self._check_request(request.url))

    def _add_console_error(self, message: Any) -> None:
        # A Streamlit page opened by its own address first looks for its server below that address and gets 404 for
        # these two paths.
        url = message.location.get("url", "")
        if not (url.endswith(("/_stcore/health", "/_stcore/host-config")) and "404" in message.text):
            self.console_errors.append(f"{message.text} ({url})")

    def _check_request(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.external_requests.append(url)

    def close(self) -> None:
        self.context.close()
