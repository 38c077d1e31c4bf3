"""A server behind `--api-url` that is not what it seems ends in one clear sentence, in bounded time and memory."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import pytest

from smart_retail.client import http_connection
from smart_retail.client.remote_engine import RemoteEngine
from smart_retail.errors import RemoteError, RetailError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
NOT_AN_API = "is not one of a Smart Retail API"


@contextmanager
def raw_server(parts: Iterable[bytes], pause: float = 0.0) -> Iterator[str]:
    """Accept connections and send these bytes to each, with a pause after each part; yield the URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        stop = threading.Event()

        def respond() -> None:
            with suppress(OSError):
                while not stop.is_set():
                    client, _ = listener.accept()
                    with client, suppress(OSError):
                        client.recv(65536)
                        for part in parts:
                            client.sendall(part)
                            if stop.wait(pause):
                                break

        thread = threading.Thread(target=respond, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


def body(content: bytes, headers: bytes = b"") -> list[bytes]:
    return [HEAD + headers + b"Content-Length: %d\r\n\r\n" % len(content), content]


@pytest.mark.parametrize(
    "response",
    [
        body(b"[" * 1_000_000),
        body(b'{"categories": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001),
        body(b'{"categories": ' + b"9" * 100_000 + b"}"),
        body(gzip.compress(b'{"categories": ["' + b" " * 2**28 + b'"]}', 9), b"Content-Encoding: gzip\r\n"),
        body(gzip.compress(b"{}"), b"Content-Encoding: gzip, gzip\r\n"),
        body(b"\xff\xfe\x00"),
        body(b""),
    ],
    ids=["lists", "objects", "number", "gzip", "twice gzip", "bytes", "empty"],
)
def test_a_response_that_cannot_be_decoded_is_a_remote_error(response: list[bytes]) -> None:
    with raw_server(response) as url, RemoteEngine(url) as engine, pytest.raises(RemoteError, match=NOT_AN_API):
        engine.categories()


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked\r\n\r\n", b"Connection: close\r\n\r\n"])
def test_an_endless_response_is_cut_off(monkeypatch: pytest.MonkeyPatch, framing: bytes) -> None:
    monkeypatch.setattr(http_connection, "MAX_RESPONSE_BYTES", 1_000_000)
    chunk = b"x" * 65536
    piece = b"10000\r\n" + chunk + b"\r\n" if b"chunked" in framing else chunk
    parts = itertools.chain([HEAD + framing], itertools.repeat(piece, 10_000))
    with (
        raw_server(parts) as url,
        RemoteEngine(url, timeout=60) as engine,
        pytest.raises(RemoteError, match=NOT_AN_API),
    ):
        engine.categories()


@pytest.mark.parametrize(
    "parts",
    [
        [b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 10_000],
        [HEAD, b"Content-Length: 50000\r\n\r\n", *[b" "] * 50_000],
        [HEAD, b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 50_000],
    ],
    ids=["head", "body", "chunks"],
)
def test_a_trickled_response_ends_at_the_deadline(parts: list[bytes]) -> None:
    begin = time.monotonic()
    with (
        raw_server(parts, pause=0.05) as url,
        RemoteEngine(url, timeout=0.5) as engine,
        pytest.raises(RemoteError, match=r"did not respond within 0\.5 seconds"),
    ):
        engine.categories()
    assert time.monotonic() - begin < 60, "each of the parts arrives in time; all of them take minutes"


def test_an_endless_head_is_a_remote_error() -> None:
    parts = [b"HTTP/1.1 200 OK\r\n", *[b"A: " + b"b" * 60_000 + b"\r\n"] * 100]
    with raw_server(parts) as url, RemoteEngine(url, timeout=60) as engine, pytest.raises(RemoteError):
        engine.categories()


def test_the_message_of_an_error_is_short_and_cannot_control_a_terminal() -> None:
    message = "\\u001b[2J" + "A" * 100_000
    content = f'{{"code": "data", "detail": "{message}", "hint": "a\\u0007b"}}'.encode()
    head = b"HTTP/1.1 422 Unprocessable\r\nContent-Length: %d\r\n\r\n" % len(content)
    with raw_server([head, content]) as url, RemoteEngine(url) as engine, pytest.raises(RetailError) as error:
        engine.categories()
    assert len(error.value.message) <= http_connection.MAX_MESSAGE_CHARACTERS
    assert (error.value.message + error.value.hint).isprintable()
