"""Access checks before a route runs: host name, CORS preflight, key and role, request rate.

Hosts and origins are rejected unless configured. Keys are compared by digest in constant time. Without keys, only
clients on this machine are accepted.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from flask import Response, request

from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.serving.web_app import LOCAL_HOSTS
from smart_retail_flask.middleware import RequestContext, current_request
from smart_retail_flask.problems import RejectedRequestError
from smart_retail_flask.raw_path import BAD_PATH, Environ
from smart_retail_flask.settings import ApiSettings

PUBLIC_PATHS = ("/livez", "/readyz", "/openapi.json", "/docs")
"""Path prefixes that need no key: their responses contain no data of the shop."""
_ENGINELESS_PATHS = ("/", "/livez", "/openapi.json")
"""Paths that respond also while no version can be loaded."""
HEALTH_PATHS = ("/livez", "/readyz")
"""Paths without a rate limit, so that other clients of the same proxy cannot make a health check fail."""
_HOST_HEADER = re.compile(r"(?:\[(?P<ipv6>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9.-]{1,253}))(?::[0-9]{1,5})?")


class RequestGuard:
    """Authorizes each request before its view is called.

    Parameters
    ----------
    settings : ApiSettings
        Keys, hosts, origins and rates.
    holder : ReloadingEngine
        Provides the engine of the request.
    admin : frozenset of str
        Flask endpoints that need a key of the role ``admin``.
    """

    def __init__(self, settings: ApiSettings, holder: ReloadingEngine, admin: frozenset[str] = frozenset()) -> None:
        self.settings = settings
        self.holder = holder
        self.admin = admin
        self.hosts = frozenset((*LOCAL_HOSTS, *(h for h in settings.hosts if not h.startswith("."))))
        self.domains = tuple(h for h in settings.hosts if h.startswith("."))
        self.buckets = TokenBuckets(settings.rate, settings.burst)

    def before_request(self) -> Response | None:
        """Authorize the current Flask request; return a response only for a CORS preflight."""
        current = request._get_current_object()  # type: ignore[attr-defined]  # one proxy look-up instead of ten
        if (error := current_request().error) is not None:
            raise error
        rule = "-" if current.url_rule is None else current.url_rule.rule
        is_preflight = self.authorize(current.environ, current_request(), rule, admin=current.endpoint in self.admin)
        return Response(status=204) if is_preflight else None

    def authorize(self, environ: Environ, context: RequestContext, rule: str, *, admin: bool) -> bool:
        """Check a request and set role, route and engine of its context.

        Parameters
        ----------
        environ : dict
            WSGI environment.
        context : RequestContext
            Receives route, role and engine.
        rule : str
            The rule that matched, ``-`` for none.
        admin : bool
            Whether the route needs the role ``admin``.

        Returns
        -------
        bool
            True for a CORS preflight of a configured origin, which needs no key and no view.

        Raises
        ------
        RejectedRequestError
            Path, host, key, role or rate is not acceptable.
        """
        context.route = rule
        if BAD_PATH in environ:
            raise RejectedRequestError(400, "The path is not valid UTF-8.", "Percent-encode ids as UTF-8.")
        self._check_host(environ.get("HTTP_HOST", ""))
        if "HTTP_ORIGIN" in environ and self._is_preflight(environ):
            return True
        client, path = environ.get("REMOTE_ADDR", ""), environ["PATH_INFO"]
        if path != "/" and not path.startswith(PUBLIC_PATHS):
            client, context.role = self._check_key(environ.get("HTTP_AUTHORIZATION", ""), client)
        if admin and context.role != "admin":
            raise RejectedRequestError(403, "This route needs a key of the role admin.")
        wait = 0.0 if path in HEALTH_PATHS else self.buckets.acquire(client)
        if wait > 0:
            raise RejectedRequestError(429, "Too many requests.", headers={"Retry-After": str(int(wait) + 1)})
        if path not in _ENGINELESS_PATHS and not path.startswith("/docs"):
            context.engine = self.holder.get()
        return False

    def _check_host(self, header: str) -> None:
        match = _HOST_HEADER.fullmatch(header.lower())
        host = match and (match["ipv6"] or match["name"])
        if not host or (host not in self.hosts and not (self.domains and host.endswith(self.domains))):
            raise RejectedRequestError(
                400, "The host name of this request is not allowed.", "Start the API with --allow-host NAME."
            )

    def _check_key(self, header: str, address: str) -> tuple[str, str]:
        """Return an identifier of the client for rate limits, and its role."""
        if not self.settings.keys:
            if address not in ("", "::1") and not address.removeprefix("::ffff:").startswith("127."):
                raise RejectedRequestError(
                    403, "Without keys the API accepts requests from this machine only.", "Start it with --keys FILE."
                )
            return address, "admin"
        scheme, _, key = header.partition(" ")
        # Compare all keys, also after a match, so that the response time reveals nothing.
        matching = [candidate for candidate in self.settings.keys if candidate.matches(key)]
        if scheme.lower() != "bearer" or not matching:
            raise RejectedRequestError(401, "A valid key is required.", headers={"WWW-Authenticate": "Bearer"})
        return matching[0].digest, "admin" if any(key.role == "admin" for key in matching) else "read"

    def _is_preflight(self, environ: Environ) -> bool:
        allowed = environ["HTTP_ORIGIN"] in self.settings.cors_origins
        return allowed and environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ


class TokenBuckets:
    """One token bucket per client: `burst` requests at once, then `rate` requests per second.

    Parameters
    ----------
    rate : float
        Requests per second; 0 means no limit.
    burst : int
        Capacity of a bucket, requests.
    clock : callable
        Returns the time in seconds.
    """

    MAX_CLIENTS = 10_000
    """Clients that are tracked; when there are more, all buckets are reset."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """Client -> remaining tokens and the time of that count."""
        self._lock = threading.Lock()

    def acquire(self, client: str) -> float:
        """Take a token; return 0, or the seconds until the next token if there is none."""
        if not self.rate:
            return 0.0
        now = self._clock()
        with self._lock:
            tokens, updated = self._buckets.get(client, (float(self.burst), now))
            tokens = min(self.burst, tokens + (now - updated) * self.rate)
            if len(self._buckets) >= self.MAX_CLIENTS:
                self._buckets.clear()
            self._buckets[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        return 0.0 if tokens >= 1 else (1 - tokens) / self.rate
