"""Fixtures of the CLI tests: the program over the small shop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smart_retail_cli.context import CliContext
from smart_retail_cli.main import cli

Run = Callable[..., Result]


@pytest.fixture
def run(engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that calls the program with stdout and stderr captured separately."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")

    def call(*words: object, **extra: Any) -> Result:
        context = extra.pop("context", None) or CliContext(open=lambda _: engine)
        return CliRunner().invoke(cli, [str(w) for w in words], obj=context, **extra)

    return call
