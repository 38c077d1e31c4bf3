"""A connection to a running API: sends a request and returns the data of the response, or raises its error.

Broken connections are retried. Error responses are raised as the `RetailError` that the engine raised; any other
response is a `RemoteError`. Time and size of a response are limited, so that a server that is not what it seems can
neither hold nor fill this process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

from smart_retail.errors import MissingExtraError, RemoteError, RetailError, UsageError, by_code

T = TypeVar("T")

MAX_ATTEMPTS = 3
FIRST_BACKOFF_S = 0.1
"""Seconds before the second attempt; three times as long before each further one."""
MAX_RESPONSE_BYTES: Final = 32_000_000
"""Maximum size of a response; the largest valid one, 100,000 points of clusters, has about half of it."""
MAX_MESSAGE_CHARACTERS: Final = 500
"""Length of the message of an error response that is shown."""

HINTS: Final = {
    "unauthorized": "Set the environment variable SMART_RETAIL_API_KEY to a valid key, or pass `api_key` in Python.",
    "forbidden": "Use a key with the permission admin: set the environment variable SMART_RETAIL_API_KEY.",
}
"""Code of a problem that only exists in HTTP -> hint for users of the client, who do not write HTTP headers."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request."""

    attempts: int = MAX_ATTEMPTS
    """Attempts after connection errors; 1 for a request that changes something."""
    timeout: float | None = None
    """Seconds in which the complete response must arrive; None for the timeout of the connection."""
    max_bytes: int | None = None
    """Maximum size of the response; None for `MAX_RESPONSE_BYTES`."""


READ: Final = Limits()
CHANGE: Final = Limits(attempts=1)


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    body: bytes


class Connection:
    """Open connections to one API. Thread-safe.

    Parameters
    ----------
    url : str
        Address of the API, such as ``http://127.0.0.1:8000``.
    api_key : str or None
        Sent as a bearer token.
    timeout : float
        Seconds in which a connection must be made and a complete response must arrive.

    Raises
    ------
    UsageError
        `url` is not a valid HTTP(S) address.
    MissingExtraError
        httpx is not installed.
    """

    def __init__(self, url: str, api_key: str | None, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url!r} is not the address of an API.", "Give one such as http://127.0.0.1:8000.")
        try:
            import httpx

            from smart_retail.client.deadline_transport import Deadline, DeadlineTransport
        except ImportError as error:
            raise MissingExtraError(
                "Access to an API needs the package httpx, which is not installed.",
                'Install it with: pip install "smart-retail-engine[flask]".',
            ) from error
        self._address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._timeout = timeout
        self._connection_errors: tuple[type[Exception], ...] = (httpx.NetworkError, httpx.RemoteProtocolError)
        self._timeout_error = httpx.TimeoutException
        self._http_error = httpx.HTTPError
        # A proxy of the environment cannot reach the loopback address of this machine.
        trust_env = parts.hostname not in ("localhost", "127.0.0.1", "::1")
        self._deadline = Deadline()
        # A compressed response could expand to any size.
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            headers=headers,
            timeout=timeout,
            trust_env=trust_env,
            # Behind a proxy of the environment, httpx chooses the transport.
            transport=None if trust_env and getproxies() else DeadlineTransport(self._deadline, trust_env),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def change(self, verb: str, path: str, build: Callable[[dict[str, Any]], T], **request: Any) -> T:
        """Send a request that changes something, once, and build the result; otherwise like `read`."""
        # A kept connection that the server has closed would make the change fail: a read finds that out.
        self.read("GET", "/livez", lambda data: data["status"])
        return self.read(verb, path, build, limits=CHANGE, **request)

    def read(
        self, verb: str, path: str, build: Callable[[dict[str, Any]], T], *, limits: Limits = READ, **request: Any
    ) -> T:
        """Send a request that only reads, and build the result from the JSON of the response.

        Parameters
        ----------
        verb, path : str
            HTTP method and path.
        build : callable
            Returns the result of the decoded JSON object.
        limits : Limits
            Attempts, time and size of the response.
        **request
            Further arguments of ``httpx.Client.request``, such as ``params`` and ``json``.

        Returns
        -------
        T
            Result of `build`.

        Raises
        ------
        RetailError
            The error that the API reports, or a `RemoteError`.
        """
        response = self._send(verb, path, limits, **request)
        try:
            data = json.loads(response.body)
            if response.status == 200:
                return build(data)
            problem = data["code"], data["detail"], data["hint"]
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise self._not_an_api(response.status) from error
        raise _problem_error(*map(_printable, problem))

    def _not_an_api(self, status: int) -> RemoteError:
        return RemoteError(
            f"The response of {self._address} (status {status}) is not one of a Smart Retail API.",
            "Check the address, and that client and API have the same version.",
        )

    def _receive(self, verb: str, path: str, limits: Limits, **request: Any) -> _Response:
        """Send a request once and receive the whole response before the deadline, up to the maximum size."""
        max_bytes = MAX_RESPONSE_BYTES if limits.max_bytes is None else limits.max_bytes
        self._deadline.start(limits.timeout or self._timeout)
        if limits.timeout is not None:
            request["timeout"] = limits.timeout
        with self._client.stream(verb, path, **request) as response:
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise self._not_an_api(response.status_code)
            body = bytearray()
            for block in response.iter_raw():
                body += block
                if len(body) > max_bytes:
                    raise self._not_an_api(response.status_code)
                if time.monotonic() > self._deadline.ends:
                    raise self._timeout_error("The deadline has passed.")
            return _Response(response.status_code, bytes(body))

    def _send(self, verb: str, path: str, limits: Limits, **request: Any) -> _Response:
        """Return the response; connection errors of requests that only read are retried."""
        wait = FIRST_BACKOFF_S
        for attempt in range(1, limits.attempts + 1):
            try:
                return self._receive(verb, path, limits, **request)
            except self._timeout_error as error:
                raise RemoteError(
                    f"{self._address} did not respond within {limits.timeout or self._timeout:g} seconds.",
                    "Try again, or set a longer timeout.",
                ) from error
            except self._connection_errors as error:
                if attempt == limits.attempts:
                    raise RemoteError(
                        f"The API at {self._address} cannot be reached.",
                        "Check the address, and that it runs: smart-retail serve api.",
                    ) from error
            except self._http_error as error:
                raise RemoteError(f"The request to {self._address} failed.", "Check the address.") from error
            time.sleep(wait)
            wait *= 3
        raise AssertionError  # the last attempt returns or raises


def _printable(text: object) -> str:
    """Return the beginning of a text of a response, without characters that could control a terminal."""
    return "".join(c if c.isprintable() else " " for c in str(text)[:MAX_MESSAGE_CHARACTERS])


def _problem_error(code: str, detail: str, hint: str) -> RetailError:
    """Return the error as the engine raised it; codes that only exist in HTTP become a `RemoteError`."""
    kind = by_code(code)
    return RemoteError(detail, HINTS.get(code, hint)) if kind is RetailError else kind(detail, hint)
