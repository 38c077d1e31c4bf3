"""Keeps values of requests out of Gradio's log, and files of visitors off the disk.

Gradio prints the traceback of every error, in which its messages repeat what a visitor sent, such as an id that is not
one of the choices; and it stores uploads, although the app has no field for files.
"""

from __future__ import annotations

import importlib
import logging
import sys
from types import SimpleNamespace
from typing import Any, Final

log = logging.getLogger("smart_retail_gradio")

_PRINTING_MODULES: Final = ("queueing", "route_utils", "routes")
"""Modules of Gradio that call `traceback.print_exc`."""
_FILE_CONTENT: Final = b"multipart/"
_REFUSAL: Final = b'{"detail": "This app has no field for files."}'


def log_errors_without_values() -> None:
    """Replace the tracebacks that Gradio and Uvicorn print by one line with the kind of the error."""
    quiet = SimpleNamespace(print_exc=_log_kind)
    for name in _PRINTING_MODULES:
        module = importlib.import_module(f"gradio.{name}")
        module.traceback = quiet  # type: ignore[attr-defined]
        # Some modules also print the message of an error.
        module.print = _ignore  # type: ignore[attr-defined]
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(_keep_kind_only)


def _log_kind(*_: Any, **__: Any) -> None:
    kind = sys.exc_info()[0]
    log.warning("A request failed: %s.", kind.__name__ if kind else "unknown error")


def _ignore(*_: Any, **__: Any) -> None:
    """Print nothing."""


def _keep_kind_only(record: logging.LogRecord) -> bool:
    """Remove traceback and arguments from a record; a filter, so it returns whether the record is written."""
    if record.exc_info and record.exc_info[0]:
        record.msg, record.args = "A request failed: %s.", (record.exc_info[0].__name__,)
        record.exc_info = record.exc_text = None
    return True


class RefuseUploads:
    """ASGI middleware that responds to requests with files with 403, before their body is received.

    Parameters
    ----------
    app : callable
        The ASGI application.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_upload = scope["type"] == "http" and any(
            name == b"content-type" and value.strip().lower().startswith(_FILE_CONTENT)
            for name, value in scope["headers"]
        )
        if not is_upload:
            await self.app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": _REFUSAL})
