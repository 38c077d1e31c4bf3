"""WSGI middleware for all responses: request id, model version, security and CORS headers, metrics, request log.

This is WSGI middleware rather than a Flask hook, since hooks are slow compared with a cached response (0.1 ms).
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
DEFAULT_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


@dataclass(slots=True)
class RequestContext:
    """Data of the current request."""

    request_id: str
    started: float
    """`time.perf_counter()` when the request arrived, seconds."""
    engine: RetailEngine | None = None
    """The engine for the whole request, also when a new version is loaded meanwhile."""
    role: str = ""
    route: str = "-"
    """The rule that matched, not the path, which contains ids."""
    policy: str = DEFAULT_CONTENT_POLICY
    """Value of the Content-Security-Policy header."""
    error: Exception | None = None
    """Error raised on the fast path; Flask turns it into a response."""


_CURRENT: ContextVar[RequestContext] = ContextVar("request_context")


def current_request() -> RequestContext:
    """Return the context of the request that this thread handles."""
    return _CURRENT.get()


class RequestRecorder(Protocol):
    """Receives one call for each response."""

    def record(self, method: str, rule: str, status: int, seconds: float) -> None: ...


class ResponseMiddleware:
    """Add headers to each response, record it in the metrics and log it at INFO."""

    def __init__(
        self, application: Application, settings: ApiSettings, recorder: RequestRecorder | None = None
    ) -> None:
        self.application = application
        self.recorder = recorder
        self.origins = frozenset(settings.cors_origins)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        client_id = environ.get("HTTP_X_REQUEST_ID")
        request_id = client_id if client_id and _REQUEST_ID.fullmatch(client_id) else secrets.token_hex(8)
        context = RequestContext(request_id, time.perf_counter())

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            headers.extend(SECURITY_HEADERS)
            headers.append(("Content-Security-Policy", context.policy))
            headers.append(("X-Request-Id", context.request_id))
            if context.engine is not None:
                headers.append(("X-Model-Version", context.engine.version))
            if self.origins:
                self._add_cors_headers(environ, headers)
            if self.recorder or log.isEnabledFor(logging.INFO):
                self._record(context, environ["REQUEST_METHOD"], int(status[:3]))
            return start_response(status, headers, *exc_info)

        token = _CURRENT.set(context)
        try:
            return self.application(environ, start)
        finally:
            _CURRENT.reset(token)

    def _record(self, context: RequestContext, method: str, status: int) -> None:
        seconds = time.perf_counter() - context.started
        if self.recorder:
            self.recorder.record(method, context.route, status, seconds)
        fields = {"request_id": context.request_id, "method": method, "route": context.route, "status": status}
        log.info({"event": "request", **fields, "ms": round(seconds * 1000, 3)})

    def _add_cors_headers(self, environ: Environ, headers: Headers) -> None:
        headers.append(("Vary", "Origin"))
        origin = environ.get("HTTP_ORIGIN", "")
        if origin not in self.origins:
            return
        headers.append(("Access-Control-Allow-Origin", origin))
        headers.append(("Access-Control-Expose-Headers", "X-Model-Version, X-Request-Id, Retry-After"))
        if environ["REQUEST_METHOD"] == "OPTIONS":
            headers.append(("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE"))
            headers.append(("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Request-Id"))
            headers.append(("Access-Control-Max-Age", "600"))
