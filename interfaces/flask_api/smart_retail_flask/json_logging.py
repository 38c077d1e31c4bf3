"""JSON log: one object per line, with an `event` field; lines of requests contain their `request_id`.

Lines at INFO and above contain no id, key, path or traceback, those of the HTTP server included: its own messages
repeat headers, paths and tracebacks, so only those of its process manager keep their text.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from typing import Any

LOGGERS = ("smart_retail_flask", "smart_retail")
DEBUG_VARIABLE = "SMART_RETAIL_DEBUG"


class JsonFormatter(logging.Formatter):
    """Format a record, whose message is a dict of fields or text, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname, **self.fields(record)}
        if record.exc_info and self.shows_trace(record):
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the fields of a record in addition to time, level and traceback."""
        return record.msg if isinstance(record.msg, dict) else {"event": "message", "text": record.getMessage()}

    def shows_trace(self, record: logging.LogRecord) -> bool:
        """Return whether the traceback of a record is written."""
        return True


class ServerFormatter(JsonFormatter):
    """Format a record of the HTTP server without values of requests and without traceback.

    A message of the process manager of gunicorn (its module `arbiter`) keeps its text; of any other message, the module
    and the kind of error remain. `SMART_RETAIL_DEBUG=1` shows everything.
    """

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields: dict[str, Any] = {"event": "server", "module": record.module}
        if record.exc_info and record.exc_info[0]:
            fields["kind"] = record.exc_info[0].__name__
        text = record.getMessage()
        if is_debug() or (record.module == "arbiter" and "\n" not in text):
            fields["text"] = text
        return fields

    def shows_trace(self, record: logging.LogRecord) -> bool:
        return is_debug()


def is_debug() -> bool:
    """Return whether the environment asks for tracebacks."""
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")


def log_to_stderr(level: str) -> None:
    """Send the log of this package and of the core to stderr, from `level` up."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())


def format_server_log(name: str) -> None:
    """Send the log of an HTTP server to stderr through `ServerFormatter`, in place of its own handlers."""
    handler = logging.StreamHandler()
    handler.setFormatter(ServerFormatter())
    logger = logging.getLogger(name)
    logger.handlers = [handler]
    logger.propagate = False
