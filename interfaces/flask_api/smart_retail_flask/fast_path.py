"""WSGI fast path: serves successful GET requests of cacheable routes without entering Flask.

Flask's work around a view (contexts, signals, hooks, response object) takes longer than the view. Such requests are
matched, authorized by the same guard and served by the same view here. Everything else, errors included, is handled by
Flask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask

from smart_retail_flask.auth import RequestGuard
from smart_retail_flask.middleware import current_request
from smart_retail_flask.raw_path import Application, Environ, rule_pattern, unescape_segment
from smart_retail_flask.routes import ReadView


@dataclass(frozen=True, slots=True)
class _FastRoute:
    rule: str
    pattern: re.Pattern[str]
    read: ReadView


class FastPathMiddleware:
    """WSGI middleware around Flask.

    Parameters
    ----------
    app : Flask
        Handles all other requests, and every request if the app has additional request hooks.
    guard : RequestGuard
        Authorizes requests, as in Flask.
    reads : iterable of (rule, read)
        Routes that are served here, most frequent first.
    """

    def __init__(self, app: Flask, guard: RequestGuard, reads: Iterable[tuple[str, ReadView]]) -> None:
        self.app = app
        self.application: Application = app.wsgi_app
        self.guard = guard
        self.routes = [_FastRoute(rule, rule_pattern(rule), read) for rule, read in reads]

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = self._response_body(environ) if environ["REQUEST_METHOD"] == "GET" else None
        if body is None:
            return self.application(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return (body,)

    def _response_body(self, environ: Environ) -> bytes | None:
        """Return the JSON of a successful read, or None if Flask must handle the request."""
        path = environ["PATH_INFO"]
        if self._has_extra_hooks() or not path.isascii():
            return None
        for route in self.routes:
            match = route.pattern.fullmatch(path)
            if match:
                segments = {name: unescape_segment(segment) for name, segment in match.groupdict().items()}
                context = current_request()
                try:
                    self.guard.authorize(environ, context, route.rule, admin=False)
                    return route.read(segments, environ.get("QUERY_STRING", "").encode("latin-1"))
                except Exception as error:
                    context.error = error
                    return None
        return None

    def _has_extra_hooks(self) -> bool:
        """Return whether the app has request hooks other than the guard's."""
        app = self.app
        return (
            len(app.before_request_funcs.get(None, ())) > 1
            or bool(app.after_request_funcs.get(None))
            or bool(app.teardown_request_funcs.get(None))
            or bool(app.teardown_appcontext_funcs)
        )
