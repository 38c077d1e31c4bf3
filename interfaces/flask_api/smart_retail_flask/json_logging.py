"""The log: one JSON object a line, told apart by `event`; requests carry their `request_id`.

At INFO and above no line holds an id, a key, a path or a trace.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

LOGGERS = ("smart_retail_flask", "smart_retail")


class JsonLines(logging.Formatter):
    """A record whose message is a dict of facts, or a text, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        facts = record.msg if isinstance(record.msg, dict) else {"event": "message", "text": record.getMessage()}
        line = {"time": when, "level": record.levelname, **facts}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def to_stderr(level: str) -> None:
    """Let this package and the core log to stderr from `level` up."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
