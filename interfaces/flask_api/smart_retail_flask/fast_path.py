"""Reads that are asked most are answered before Flask sees them. In: a GET of a remembered route; out: its answer.

What Flask does around a view (contexts, signals, hooks, a response object) takes longer than the view. So a plain
read is matched, let in by the same guard and answered here by the same view; whatever else is asked goes on to
Flask, which also tells of every error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask

from smart_retail_flask.auth import Guard
from smart_retail_flask.middleware import visit
from smart_retail_flask.raw_path import Application, Environ, pattern, to_id
from smart_retail_flask.routes import Read


@dataclass(frozen=True, slots=True)
class _Route:
    rule: str
    pattern: re.Pattern[str]
    read: Read


class Shortcut:
    """WSGI middleware around Flask.

    Parameters
    ----------
    app : Flask
        Answers what is not answered here, and all where somebody hooked into its requests.
    guard : Guard
        Lets requests in, here as in Flask.
    reads : iterable of (rule, read)
        What is answered here, the most wanted first.
    """

    def __init__(self, app: Flask, guard: Guard, reads: Iterable[tuple[str, Read]]) -> None:
        self.app = app
        self.application: Application = app.wsgi_app
        self.guard = guard
        self.routes = [_Route(rule, pattern(rule), read) for rule, read in reads]

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = self._answer(environ) if environ["REQUEST_METHOD"] == "GET" else None
        if body is None:
            return self.application(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return (body,)

    def _answer(self, environ: Environ) -> bytes | None:
        """The body of a plain read that succeeds."""
        path = environ["PATH_INFO"]
        if self._hooked() or not path.isascii():
            return None
        for route in self.routes:
            found = route.pattern.fullmatch(path)
            if found:
                segments = {name: to_id(segment) for name, segment in found.groupdict().items()}
                current = visit()
                try:
                    self.guard.admit(environ, current, route.rule, admin=False)
                    return route.read(segments, environ.get("QUERY_STRING", "").encode("latin-1"))
                except Exception as error:
                    current.error = error
                    return None
        return None

    def _hooked(self) -> bool:
        """Whether others than the guard want to see each request."""
        app = self.app
        return (
            len(app.before_request_funcs.get(None, ())) > 1
            or bool(app.after_request_funcs.get(None))
            or bool(app.teardown_request_funcs.get(None))
            or bool(app.teardown_appcontext_funcs)
        )
