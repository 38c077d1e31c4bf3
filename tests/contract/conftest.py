"""One fitted bundle, every front end over it, and the number of facts that were compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smart_retail.results import FitReport

from .check import COMPARED_FACTS
from .drivers import FRONT_ENDS, OVER_API, driver
from .drivers.base import Driver, needs
from .drivers.remote import running_api


@pytest.fixture(scope="session")
def artifacts(fitted: tuple[Path, FitReport]) -> Path:
    """The artifacts folder of the small shop; tests do not write to it."""
    return fitted[0]


# Gradio leaves sockets and event loops open, and uses functions that pandas 3 deprecates.
_GRADIO = (
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"),
)


def _marked(name: str) -> Any:
    # Apps take up to a second for each request: their parts of the suite belong to the long tests.
    long = (pytest.mark.slow,)
    marks = {"gradio": (*_GRADIO, *long), "streamlit": long, "tkinter": long}
    return pytest.param(name, marks=marks.get(name, ()))


# Not for the session: a driver may set environment variables, which the tests of other modules would see.
@pytest.fixture(scope="module", params=map(_marked, FRONT_ENDS))
def front_end(request: pytest.FixtureRequest, artifacts: Path) -> Iterator[Driver]:
    with driver(request.param)(artifacts) as started:
        yield started


@pytest.fixture(scope="session")
def api_url(artifacts: Path) -> Iterator[str]:
    """URL of a running API over the bundle."""
    needs("smart_retail_flask.app", "flask")
    with running_api(artifacts) as url:
        yield url


@pytest.fixture(scope="module", params=map(_marked, OVER_API))
def over_api(request: pytest.FixtureRequest, artifacts: Path, api_url: str) -> Iterator[Driver]:
    """A front end over the API; its own artifacts folder is empty."""
    with driver(request.param)(artifacts.with_name("nothing"), api_url) as started:
        yield started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COMPARED_FACTS:
        terminalreporter.section("front ends compared with the engine")
        for name, facts in COMPARED_FACTS.items():
            terminalreporter.line(f"{name:24} {facts:7,} facts equal")
