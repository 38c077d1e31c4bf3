"""Fixtures of the CLI tests: the program with a small engine in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.fake_engine import FakeEngine

from smart_retail_cli.context import CliContext
from smart_retail_cli.main import cli

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def engine() -> Any:
    return FakeEngine()


@pytest.fixture
def run(engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that calls the program with stdout and stderr captured separately."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")

    def call(*words: object, **extra: Any) -> Result:
        context = extra.pop("context", None) or CliContext(open=lambda _: engine)
        return CliRunner().invoke(cli, [str(w) for w in words], obj=context, **extra)

    return call
