"""What the trials came to, told at the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

FIGURES: list[str] = []


@pytest.fixture
def tell() -> Callable[[str], None]:
    """Takes a line for the end of the report."""
    return FIGURES.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("trials")
        for line in FIGURES:
            terminalreporter.line(line)
