"""Ids in paths hold any character. In: the raw request target; out: a path that routes segment by segment.

WSGI servers decode the path before the application sees it, so the customer ``A/B`` of
``/v1/customers/A%2FB`` would become two segments. `RawPath` goes back to the raw target, and
`IdConverter` undoes the escapes that it leaves in a segment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from werkzeug.routing import BaseConverter

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

BAD_PATH = "smart_retail.bad_path"
"""Set in the environ where the path is not UTF-8 once decoded."""


class RawPath:
    """WSGI middleware: routes on the raw path, so that an escaped slash does not part segments."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        # gunicorn and werkzeug say RAW_URI, waitress and uWSGI REQUEST_URI; a server that says
        # neither has lost the difference between a slash and an escaped one, and nothing else.
        target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or quote(environ["PATH_INFO"].encode("latin-1"))
        if "%" in target:
            self._reroute(environ, target)
        return self.application(environ, start_response)

    @staticmethod
    def _reroute(environ: Environ, target: str) -> None:
        path = target.partition("?")[0]
        if not path.startswith("/"):  # absolute form: http://host/path
            path = "/" + path.partition("://")[2].partition("/")[2]
        prefix = quote(environ.get("SCRIPT_NAME", ""))
        if prefix and path.startswith(prefix + "/"):
            path = path[len(prefix) :]
        segments = [unquote_to_bytes(segment.encode("latin-1", "replace")) for segment in path.split("/")]
        try:
            b"/".join(segments).decode("utf-8")
        except UnicodeDecodeError:
            environ[BAD_PATH] = True
        escaped = [segment.replace(b"%", b"%25").replace(b"/", b"%2F") for segment in segments]
        environ["PATH_INFO"] = b"/".join(escaped).decode("latin-1")


def to_id(segment: str) -> str:
    """A segment that `RawPath` left as the id that was meant."""
    return segment.replace("%2F", "/").replace("%25", "%") if "%" in segment else segment


def pattern(rule: str) -> re.Pattern[str]:
    """What a path of the rule looks like; the groups are its ids."""
    return re.compile(re.sub(r"<id:([a-z_]+)>", r"(?P<\1>[^/]+)", rule))


class IdConverter(BaseConverter):
    """A path segment as an id: any text but the empty one."""

    def to_python(self, value: str) -> str:
        return to_id(value)

    def to_url(self, value: str) -> str:
        return quote(value, safe="")
