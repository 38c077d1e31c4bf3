"""JSON log: one object per line, with an `event` field; lines of requests contain their `request_id`.

Lines at INFO and above contain no id, key, path or traceback.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

LOGGERS = ("smart_retail_flask", "smart_retail")


class JsonFormatter(logging.Formatter):
    """Format a record, whose message is a dict of fields or text, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = record.msg if isinstance(record.msg, dict) else {"event": "message", "text": record.getMessage()}
        line = {"time": time, "level": record.levelname, **fields}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stderr(level: str) -> None:
    """Send the log of this package and of the core to stderr, from `level` up."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
