"""gunicorn worker whose event loop receives whole requests, so that slow clients occupy no thread.

The threads of gunicorn's `gthread` worker receive requests themselves and wait without a limit, so a few clients that
send half a request stop the server. Here a connection is passed to a thread when its request is complete; head and body
must arrive before a deadline, and responses must be read before another one. Errors of the HTTP layer are problem+json,
and the log contains their kind only: gunicorn's own messages repeat header values, which may be keys.
"""

from __future__ import annotations

import errno
import logging
import selectors
import socket
import struct
import time
from functools import partial
from typing import Any, ClassVar

from gunicorn.glogging import Logger
from gunicorn.http import errors
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from smart_retail_flask.json_logging import format_server_log
from smart_retail_flask.problems import raw_problem
from smart_retail_flask.request_buffer import RequestBuffer

log = logging.getLogger("smart_retail_flask")

RECEIVE_BYTES = 65_536
MAX_BUFFERED_BYTES = 64_000_000
"""Bytes of incomplete requests in one worker; beyond, the clients that send more get 503."""
SEND_TIMEOUT_SECONDS = 10
"""A client that does not read its response for this long is disconnected."""
CLOSE_TIMEOUT_SECONDS = 2.0
"""Time for a client to read the last response before the connection is closed."""
_THREAD_RECEIVE_TIMEOUT = struct.pack("ll", 0, 50_000)
"""Seconds and microseconds. Threads find complete requests, so they never need to wait for the client."""
_THREAD_SEND_TIMEOUT = struct.pack("ll", SEND_TIMEOUT_SECONDS, 0)


class ServerLogger(Logger):  # type: ignore[misc]
    """Log of gunicorn whose lines contain no values of requests."""

    def setup(self, cfg: Any) -> None:
        """Configure the log; called again on every reload of the configuration."""
        super().setup(cfg)
        format_server_log(self.error_log.name)

    # The formatter needs the module that logs, not that of these methods.

    def info(self, message: str, *arguments: Any, **options: Any) -> None:
        """Log a message of the server."""
        self.error_log.info(message, *arguments, **{"stacklevel": 2} | options)

    def warning(self, message: str, *arguments: Any, **options: Any) -> None:
        """Log a warning of the server."""
        self.error_log.warning(message, *arguments, **{"stacklevel": 2} | options)

    def error(self, message: str, *arguments: Any, **options: Any) -> None:
        """Log an error of the server."""
        self.error_log.error(message, *arguments, **{"stacklevel": 2} | options)

    def critical(self, message: str, *arguments: Any, **options: Any) -> None:
        """Log a critical error of the server."""
        self.error_log.critical(message, *arguments, **{"stacklevel": 2} | options)


class Connection(TConn):  # type: ignore[misc]
    """A client connection with the bytes of its current request."""

    def __init__(self, *arguments: Any, max_body: int) -> None:
        super().__init__(*arguments)
        self.max_body = max_body
        self.data_ready = True  # gunicorn: a thread need not wait for the first byte
        self.buffer = RequestBuffer(max_body)
        self.is_closing = False
        """Whether only the end of the connection is awaited; received bytes are discarded."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _THREAD_RECEIVE_TIMEOUT)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _THREAD_SEND_TIMEOUT)

    def init(self) -> None:
        """Prepare the parser; called by a thread before it parses a request."""
        super().init()
        self.parser.unreader.unread(bytes(self.buffer.data))
        self.buffer = RequestBuffer(self.max_body)


class RequestBufferingWorker(ThreadWorker):  # type: ignore[misc]
    """Worker with an event loop that receives requests and threads that process them."""

    max_body: ClassVar[int] = 1_000_000
    """Maximum size of a request body, bytes."""
    request_timeout: ClassVar[float] = 10.0
    """Seconds in which head and body of a request must arrive."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._waiting: set[Connection] = set()
        """Connections with an incomplete request, or that are closing."""
        self._buffered_bytes = 0

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection and wait for its first request."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        self._begin(Connection(self.cfg, client, address, listener.getsockname(), max_body=self.max_body))

    def on_client_socket_readable(self, connection: Connection, client: Any) -> None:
        """Receive the next request of a kept-alive connection."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(connection)
        self._begin(connection)

    def murder_pending(self) -> None:
        """Reject connections whose deadline has passed; while stopping, also those without a request."""
        now = time.monotonic()
        for connection in tuple(self._waiting):
            if connection.timeout > now and (self.alive or connection.buffer.data or connection.is_closing):
                continue
            if connection.buffer.data and not connection.is_closing:
                self._reject(connection, 408, "The request was not received completely in time.")
            else:
                self._drop(connection)

    def finish_request(self, connection: Connection, future: Any) -> None:
        """Keep or close a connection after a thread has processed its request."""
        try:
            keep_alive = not future.cancelled() and future.result()
        except Exception:
            keep_alive = False
        if not keep_alive:
            self._close(connection)
        elif rest := connection.parser.unreader.take_buffered():
            self._begin(connection, rest)  # the beginning of a pipelined request
        else:
            connection.sock.setblocking(False)
            connection.set_timeout()
            if not self.alive:
                connection.timeout = min(connection.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
            self.keepalived_conns.append(connection)
            callback = partial(self.on_client_socket_readable, connection)
            self.poller.register(connection.sock, selectors.EVENT_READ, callback)

    def handle_request(self, request: Any, connection: Connection) -> Any:
        """Process a request in a thread; a client that does not read its response is disconnected."""
        try:
            return super().handle_request(request, connection)
        except BlockingIOError:
            raise StopIteration from None

    def _keepalive_after(self, connection: Connection, keep_alive: bool) -> bool:
        """Whether the connection can be reused; not after a body that is not valid, since its end is unknown."""
        try:
            return bool(super()._keepalive_after(connection, keep_alive))
        except errors.ParseException:
            return False

    def handle_error(self, request: Any, client: socket.socket, address: Any, error: Exception) -> None:
        """Respond to a request that cannot be parsed or processed, and log the kind of error."""
        status, detail = _status_of(error)
        level = logging.ERROR if status >= 500 else logging.WARNING
        log.log(level, {"event": "request_rejected", "status": status, "kind": type(error).__name__})
        _send_without_waiting(client, raw_problem(status, detail))

    def _begin(self, connection: Connection, received: bytes | None = None) -> None:
        """Pass a request that has already arrived to a thread, or wait for the rest of it in the event loop."""
        connection.sock.setblocking(False)
        if received is None:
            received = _receive(connection.sock)
        if received == b"":
            self.nr_conns -= 1
            connection.close()
            return
        connection.buffer.feed(received or b"")
        if connection.buffer.is_complete:
            self.enqueue_req(connection)
        else:
            self._wait(connection)
            self._buffered_bytes += len(connection.buffer.data)
            self._check_request(connection)

    def _wait(self, connection: Connection) -> None:
        connection.timeout = time.monotonic() + self.request_timeout
        self._waiting.add(connection)
        callback = partial(self._on_readable, connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, callback)

    def _on_readable(self, connection: Connection, client: socket.socket) -> None:
        received = _receive(client)
        if received == b"":
            self._drop(connection)
        elif received and not connection.is_closing:
            connection.buffer.feed(received)
            self._buffered_bytes += len(received)
            self._check_request(connection)

    def _check_request(self, connection: Connection) -> None:
        buffer = connection.buffer
        if buffer.violation is not None:
            self._reject(connection, buffer.violation.status, buffer.violation.detail)
        elif buffer.is_complete:
            self._stop_waiting(connection)
            self.enqueue_req(connection)
        elif self._buffered_bytes > MAX_BUFFERED_BYTES:
            self._reject(connection, 503, "Too many requests are being received.")
        elif buffer.expects_continue:
            buffer.expects_continue = False
            _send_without_waiting(connection.sock, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _reject(self, connection: Connection, status: int, detail: str) -> None:
        log.warning({"event": "request_rejected", "status": status})
        _send_without_waiting(connection.sock, raw_problem(status, detail))
        self._stop_waiting(connection)
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        """Send the end of the stream and wait in the event loop until the client has read the last response."""
        try:
            connection.sock.setblocking(False)
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            connection.close()
            return
        connection.is_closing = True
        connection.buffer = RequestBuffer(self.max_body)
        self._wait(connection)
        connection.timeout = time.monotonic() + CLOSE_TIMEOUT_SECONDS

    def _drop(self, connection: Connection) -> None:
        self._stop_waiting(connection)
        self.nr_conns -= 1
        connection.close()

    def _stop_waiting(self, connection: Connection) -> None:
        self.poller.unregister(connection.sock)
        self._waiting.discard(connection)
        self._buffered_bytes -= len(connection.buffer.data)


def _status_of(error: Exception) -> tuple[int, str]:
    """Return HTTP status and description of an error of gunicorn; without values of the request."""
    if isinstance(error, errors.LimitRequestLine):
        return 414, "The request line is too long."
    if isinstance(error, errors.LimitRequestHeaders):
        return 431, "The request headers are too large."
    if isinstance(error, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName):
        return 500, "The server failed to process this request."
    if isinstance(error, errors.ParseException):
        return 400, "The request is not valid HTTP."
    return 500, "The server failed to process this request."


def _receive(client: socket.socket) -> bytes | None:
    """Return the bytes that have arrived, None if there are none yet, or ``b""`` if the client is gone."""
    try:
        return client.recv(RECEIVE_BYTES)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError:
        return b""


def _send_without_waiting(client: socket.socket, data: bytes) -> None:
    """Send a short message; a client that is gone or does not read is ignored."""
    try:
        client.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except OSError:
        log.debug({"event": "send_failed"})
