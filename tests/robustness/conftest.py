"""Collects figures of the robustness tests and prints them at the end of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

FIGURES: list[str] = []


@pytest.fixture
def record_figure() -> Callable[[str], None]:
    """Return a function that adds a line to the summary of the run."""
    return FIGURES.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("robustness")
        for line in FIGURES:
            terminalreporter.line(line)
