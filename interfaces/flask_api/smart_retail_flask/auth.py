"""What stands between the network and the routes. In: a request; out: leave to go on, or a `RefusedError`.

Hosts and origins are denied unless named, keys are compared by digest in constant time, and without keys
only this machine is let in.
"""

from __future__ import annotations

import threading
import time

from flask import Response, request

from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.middleware import Visit, visit
from smart_retail_flask.problems import RefusedError
from smart_retail_flask.raw_path import BAD_PATH, Environ
from smart_retail_flask.settings import LOCAL_HOSTS, ApiSettings

OPEN_PATHS = ("/livez", "/readyz", "/openapi.json", "/docs")
"""No key is asked for here: nothing of the shop's data can be read."""


class Guard:
    """Checks each request before its view is called."""

    def __init__(self, settings: ApiSettings, holder: ReloadingEngine, admin: frozenset[str] = frozenset()) -> None:
        self.settings = settings
        self.holder = holder
        self.admin = admin
        """Endpoints that an admin key opens."""
        self.hosts = frozenset((*LOCAL_HOSTS, *(h for h in settings.hosts if not h.startswith("."))))
        self.domains = tuple(h for h in settings.hosts if h.startswith("."))
        self.buckets = Buckets(settings.rate, settings.burst)

    def enter(self) -> Response | None:
        """Flask's `before_request`."""
        current = request._get_current_object()  # type: ignore[attr-defined]  # one look-up instead of ten
        if (error := visit().error) is not None:
            raise error
        rule = "-" if current.url_rule is None else current.url_rule.rule
        preflight = self.admit(current.environ, visit(), rule, admin=current.endpoint in self.admin)
        return Response(status=204) if preflight else None

    def admit(self, environ: Environ, visit: Visit, rule: str, *, admin: bool) -> bool:
        """Let a request in, once; True for the question of a browser whether it may ask."""
        visit.route = rule
        if BAD_PATH in environ:
            raise RefusedError(400, "The path is not UTF-8.", "Percent-encode ids as UTF-8.")
        self._check_host(environ.get("HTTP_HOST", ""))
        if "HTTP_ORIGIN" in environ and self._is_preflight(environ):
            return True
        caller = environ.get("REMOTE_ADDR", "")
        if not environ["PATH_INFO"].startswith(OPEN_PATHS):
            caller, visit.role = self._check_key(environ.get("HTTP_AUTHORIZATION", ""), caller)
        if admin and visit.role != "admin":
            raise RefusedError(403, "This route needs an admin key.")
        wait = self.buckets.wait(caller)
        if wait > 0:
            raise RefusedError(429, "Too many requests.", headers={"Retry-After": str(int(wait) + 1)})
        visit.engine = self.holder.get()
        return False

    def _check_host(self, header: str) -> None:
        host = header.lower()
        host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if host not in self.hosts and not (self.domains and host.endswith(self.domains)):
            raise RefusedError(400, "The API does not answer to this host name.", "Start it with --allow-host NAME.")

    def _check_key(self, header: str, caller: str) -> tuple[str, str]:
        """Who asks, as a text to count by, and in which role."""
        if not self.settings.keys:
            if caller not in ("", "::1") and not caller.removeprefix("::ffff:").startswith("127."):
                raise RefusedError(403, "Without keys the API answers this machine only.", "Start it with --keys FILE.")
            return caller, "admin"
        scheme, _, key = header.partition(" ")
        # All keys are compared, found or not: the time tells nothing.
        found = [known for known in self.settings.keys if known.matches(key)]
        if scheme.lower() != "bearer" or not found:
            raise RefusedError(401, "A valid key is needed.", headers={"WWW-Authenticate": "Bearer"})
        return found[0].digest, "admin" if any(known.role == "admin" for known in found) else "read"

    def _is_preflight(self, environ: Environ) -> bool:
        named = environ["HTTP_ORIGIN"] in self.settings.cors_origins
        asked = environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        return named and asked


class Buckets:
    """Token buckets: a caller may ask `burst` times at once and `rate` times a second after that."""

    MOST = 10_000
    """Callers remembered; when there are more, all begin anew."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self._filled: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait(self, caller: str) -> float:
        """Seconds until the caller may ask again; 0 for now, which takes a token."""
        if not self.rate:
            return 0.0
        now = time.monotonic()
        with self._lock:
            tokens, at = self._filled.get(caller, (float(self.burst), now))
            tokens = min(self.burst, tokens + (now - at) * self.rate)
            if len(self._filled) >= self.MOST:
                self._filled.clear()
            self._filled[caller] = (tokens - 1 if tokens >= 1 else tokens, now)
        return 0.0 if tokens >= 1 else (1 - tokens) / self.rate
