"""What every answer carries. In: any answer of the application; out: the same with its request id, its model
version, the headers browsers obey and, where the origin is named, leave to be read by a web page.

This is WSGI middleware, not a Flask hook: on a route that answers in a tenth of a millisecond it matters.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from smart_retail.protocol import RetailEngine
from smart_retail_flask.raw_path import Application, Environ
from smart_retail_flask.settings import ApiSettings

log = logging.getLogger("smart_retail_flask")

Headers = list[tuple[str, str]]
CLOSED_POLICY = "default-src 'none'; frame-ancestors 'none'"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


@dataclass(slots=True)
class Visit:
    """What is known of one request while it lasts."""

    request_id: str
    started: float
    engine: RetailEngine | None = None
    """The engine that answers, from start to end."""
    role: str = ""
    route: str = "-"
    """The rule that matched, never the path: a path holds ids."""
    policy: str = CLOSED_POLICY
    error: Exception | None = None
    """What went wrong before Flask was asked; Flask tells of it."""


_VISIT: ContextVar[Visit] = ContextVar("visit")


def visit() -> Visit:
    """The request being answered."""
    return _VISIT.get()


class Counts(Protocol):
    """Takes note of each answer."""

    def count(self, method: str, rule: str, status: int, seconds: float) -> None: ...


class Envelope:
    """WSGI middleware that completes each answer, counts it and logs it at INFO."""

    def __init__(self, application: Application, settings: ApiSettings, counters: Counts | None = None) -> None:
        self.application = application
        self.counters = counters
        self.origins = frozenset(settings.cors_origins)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID")
        request_id = given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        visit = Visit(request_id, time.perf_counter())

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            headers.extend(_ALWAYS)
            headers.append(("Content-Security-Policy", visit.policy))
            headers.append(("X-Request-Id", visit.request_id))
            if visit.engine is not None:
                headers.append(("X-Model-Version", visit.engine.version))
            if self.origins:
                self._share(environ, headers)
            if self.counters or log.isEnabledFor(logging.INFO):
                self._tell(visit, environ["REQUEST_METHOD"], int(status[:3]))
            return start_response(status, headers, *exc_info)

        token = _VISIT.set(visit)
        try:
            return self.application(environ, start)
        finally:
            _VISIT.reset(token)

    def _tell(self, visit: Visit, method: str, status: int) -> None:
        seconds = time.perf_counter() - visit.started
        if self.counters:
            self.counters.count(method, visit.route, status, seconds)
        facts = {"request_id": visit.request_id, "method": method, "route": visit.route, "status": status}
        log.info({"event": "request", **facts, "ms": round(seconds * 1000, 3)})

    def _share(self, environ: Environ, headers: Headers) -> None:
        headers.append(("Vary", "Origin"))
        origin = environ.get("HTTP_ORIGIN", "")
        if origin not in self.origins:
            return
        headers.append(("Access-Control-Allow-Origin", origin))
        headers.append(("Access-Control-Expose-Headers", "X-Model-Version, X-Request-Id, Retry-After"))
        if environ["REQUEST_METHOD"] == "OPTIONS":
            headers.append(("Access-Control-Allow-Methods", "GET, POST, DELETE"))
            headers.append(("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Request-Id"))
            headers.append(("Access-Control-Max-Age", "600"))
