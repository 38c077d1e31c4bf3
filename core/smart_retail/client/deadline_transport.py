"""HTTP transport with a deadline for a whole exchange.

The timeouts of httpx bound each read, so that a server which sends one byte from time to time could hold a client
forever.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx


class Deadline(threading.local):
    """End of the current exchange of each thread, in seconds of `time.monotonic`."""

    ends = math.inf

    def start(self, seconds: float) -> None:
        """Set the deadline of this thread."""
        self.ends = time.monotonic() + seconds

    def remaining(self, timeout: float | None) -> float | None:
        """Return the shorter of a timeout and the time until the deadline, seconds.

        Raises
        ------
        httpcore.ReadTimeout
            The deadline has passed.
        """
        left = self.ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("The deadline has passed.")
        return timeout if left == math.inf else left if timeout is None else min(timeout, left)


class DeadlineTransport(httpx.HTTPTransport):
    """Transport of direct connections, whose reads and writes end at a deadline."""

    def __init__(self, deadline: Deadline, trust_env: bool) -> None:
        super().__init__(trust_env=trust_env)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=trust_env),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_Backend(deadline),
        )


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.remaining(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.remaining(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._backend = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.remaining(timeout)
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, self._deadline)
