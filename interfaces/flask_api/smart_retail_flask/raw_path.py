"""Routing on the raw request target, so that ids in paths may contain any character.

WSGI servers decode the path before the application sees it: the customer ``A/B`` of ``/v1/customers/A%2FB`` would
become two segments. `RawPathMiddleware` restores the segments from the raw target, and `IdConverter` decodes the
remaining escapes of a segment.
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
"""Key in the environ of requests whose decoded path is not UTF-8."""


class RawPathMiddleware:
    """WSGI middleware that rewrites `PATH_INFO` so that an escaped slash does not separate segments."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        # gunicorn and werkzeug set RAW_URI, waitress and uWSGI REQUEST_URI. Without either, a slash and an
        # escaped slash cannot be distinguished; other characters still work.
        target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or quote(environ["PATH_INFO"].encode("latin-1"))
        if "%" in target:
            self._rewrite_path(environ, target)
        return self.application(environ, start_response)

    @staticmethod
    def _rewrite_path(environ: Environ, target: str) -> None:
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


def unescape_segment(segment: str) -> str:
    """Return the id in a path segment that `RawPathMiddleware` escaped."""
    return segment.replace("%2F", "/").replace("%25", "%") if "%" in segment else segment


def rule_pattern(rule: str) -> re.Pattern[str]:
    """Return a pattern for the paths of a rule, with one named group per id."""
    return re.compile(re.sub(r"<id:([a-z_]+)>", r"(?P<\1>[^/]+)", rule))


class IdConverter(BaseConverter):
    """Flask converter of a path segment to an id: any text except the empty one."""

    def to_python(self, value: str) -> str:
        return unescape_segment(value)

    def to_url(self, value: str) -> str:
        return quote(value, safe="")
