"""One fitted bundle, every front end over it, and a tally of what was compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smart_retail.engine import Engine
from smart_retail.settings import Settings
from tests import shop

from .check import TALLY
from .drivers import FRONT_ENDS, driver
from .drivers.base import Driver


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the small shop. Nothing may change it."""
    from smart_retail.training import fit

    folder = tmp_path_factory.mktemp("contract")
    settings = Settings.from_dict(
        {"clusters": {"k": 3, "epochs": 10}, "recommend": {"merge": "blend", "list_length": 20}}
    )
    fit(shop.write(folder / "orders.csv"), artifacts=folder / "artifacts", settings=settings)
    return folder / "artifacts"


@pytest.fixture(scope="session")
def engine(artifacts: Path) -> Engine:
    """What everything is compared with."""
    return Engine.load(artifacts)


# Gradio leaves sockets and event loops open and asks pandas for what pandas 3 warns of.
_GRADIO = (
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"),
)


@pytest.fixture(scope="session", params=[pytest.param(n, marks=_GRADIO if n == "gradio" else ()) for n in FRONT_ENDS])
def front_end(request: pytest.FixtureRequest, artifacts: Path) -> Iterator[Driver]:
    with driver(request.param)(artifacts) as started:
        yield started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TALLY:
        terminalreporter.section("front ends compared with the engine")
        for name, facts in TALLY.items():
            terminalreporter.line(f"{name:10} {facts:7,} facts equal")
