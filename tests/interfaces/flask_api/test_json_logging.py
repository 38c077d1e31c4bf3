"""Lines of the HTTP server contain no values of requests and no traceback."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from smart_retail_flask.json_logging import ServerFormatter

SECRET = "customer-4711"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Format a record of a module of gunicorn or waitress."""
    monkeypatch.delenv("SMART_RETAIL_DEBUG", raising=False)

    def format_line(module: str, message: str, *arguments: object, error: Exception | None = None) -> dict[str, Any]:
        info: Any = None
        if error is not None:
            try:
                raise error
            except Exception:
                info = sys.exc_info()
        path = f"/lib/gunicorn/{module}.py"
        record = logging.LogRecord("gunicorn.error", logging.ERROR, path, 1, message, arguments, info)
        line: dict[str, Any] = json.loads(ServerFormatter().format(record))
        return line

    return format_line


def test_messages_of_the_process_manager_keep_their_text(lines: Any) -> None:
    line = lines("arbiter", "Worker (pid:%s) was sent %s!", 7, "SIGKILL")
    assert line["text"] == "Worker (pid:7) was sent SIGKILL!"
    assert line["level"] == "ERROR"


@pytest.mark.parametrize("module", ["base", "gthread", "wsgi", "channel"])
def test_messages_about_requests_keep_only_their_module(lines: Any, module: str) -> None:
    assert SECRET not in json.dumps(lines(module, f"Exception while serving /v1/customers/{SECRET}"))
    assert SECRET not in json.dumps(lines(module, "Error handling request %s", f"/v1/customers/{SECRET}"))


def test_an_error_keeps_only_its_kind(lines: Any) -> None:
    for module in ("arbiter", "gthread"):
        line = lines(module, "Exception in worker process", error=ValueError(SECRET))
        assert line["kind"] == "ValueError"
        assert SECRET not in json.dumps(line)
    assert SECRET not in json.dumps(lines("arbiter", "Exception during worker exit:\n%s", SECRET))


def test_debugging_shows_everything(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_RETAIL_DEBUG", "1")
    line = lines("gthread", "Error handling request %s", SECRET, error=ValueError(SECRET))
    assert SECRET in line["text"]
    assert "ValueError" in line["trace"]
