"""A browser and both web apps for the tests of this folder; skipped if Chromium is missing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from smart_retail.results import FitReport
from tests.browser.apps import CHROMIUM, Visit, browsing, serving


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _needs(*modules: str) -> None:
    missing = [name for name in modules if find_spec(name) is None]
    if not Path(CHROMIUM).exists():
        missing.append(CHROMIUM)
    if not missing:
        return
    reason = f"missing for the browser: {', '.join(missing)}"
    if "browser" in os.environ.get("SMART_RETAIL_REQUIRE", ""):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    _needs("playwright")
    with browsing() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def streamlit_app(fitted: tuple[Path, FitReport]) -> Iterator[str]:
    _needs("streamlit")
    with serving("streamlit", _free_port(), fitted[0]) as address:
        yield address


@pytest.fixture(scope="session")
def gradio_app(fitted: tuple[Path, FitReport]) -> Iterator[str]:
    _needs("gradio")
    with serving("gradio", _free_port(), fitted[0]) as address:
        yield address


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """A new visitor; every test ends with a check of console errors and external requests."""
    visitor = Visit(browser)
    yield visitor
    visitor.close()
    assert visitor.console_errors == []
    assert visitor.external_requests == []
