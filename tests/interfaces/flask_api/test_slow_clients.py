"""Slow and malformed clients under gunicorn: they occupy no thread and get problem+json before a deadline."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from smart_retail.results import FitReport

pytest.importorskip("gunicorn")

from .conftest import server_process

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork")]

HALF_REQUESTS = (
    b"GET /livez HTT",
    b"GET /livez HTTP/1.1\r\nHost: localhost\r\n",
    b"POST /v1/customers:batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{",
    b"POST /v1/customers:batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
)
COMPLETE = b"GET /v1/customers/00012 HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def patient_server(fitted: tuple[Path, FitReport]) -> Iterator[str]:
    """A server with two threads that waits for requests longer than any test takes."""
    with server_process(fitted[0], "gunicorn", "request_timeout=3600") as (url, _):
        yield url


@pytest.fixture(scope="module")
def strict_server(fitted: tuple[Path, FitReport]) -> Iterator[str]:
    """A server with a short deadline."""
    with server_process(fitted[0], "gunicorn", "request_timeout=0.5") as (url, _):
        yield url


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def receive_all(client: socket.socket) -> bytes:
    received = b""
    while data := client.recv(65536):
        received += data
    return received


def status_and_problem(response: bytes) -> tuple[int, dict[str, object]]:
    head, _, body = response.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert b"X-Content-Type-Options: nosniff" in head
    return int(head.split()[1]), json.loads(body)


def test_half_sent_requests_do_not_block_others(patient_server: str) -> None:
    with ExitStack() as stack:
        for number in range(60):
            stack.enter_context(connect(patient_server)).sendall(HALF_REQUESTS[number % len(HALF_REQUESTS)])
        for _ in range(20):
            assert httpx.get(f"{patient_server}/livez", trust_env=False, timeout=60).status_code == 200


def test_idle_connections_do_not_block_others(patient_server: str) -> None:
    with ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(connect(patient_server))
        assert httpx.get(f"{patient_server}/livez", trust_env=False, timeout=60).status_code == 200


def test_clients_that_do_not_close_do_not_block_others(patient_server: str) -> None:
    with ExitStack() as stack:
        for _ in range(60):
            client = stack.enter_context(connect(patient_server))
            client.sendall(COMPLETE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert httpx.get(f"{patient_server}/livez", trust_env=False, timeout=60).status_code == 200


@pytest.mark.parametrize("half", HALF_REQUESTS)
def test_half_sent_request_gets_408_after_the_deadline(strict_server: str, half: bytes) -> None:
    with connect(strict_server) as client:
        client.sendall(half)
        status, problem = status_and_problem(receive_all(client))
    assert (status, problem["code"]) == (408, "request_timeout")


def test_trickled_request_gets_408_after_the_deadline(strict_server: str) -> None:
    with connect(strict_server) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\n")
        client.settimeout(0.05)
        received = b""
        while not received:
            try:
                client.sendall(b"X")
                received = client.recv(65536)
            except TimeoutError:
                continue
    assert received.startswith(b"HTTP/1.1 408 ")


def test_request_in_small_pieces_succeeds(patient_server: str) -> None:
    with connect(patient_server) as client:
        for byte in COMPLETE:
            client.sendall(bytes([byte]))
        assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_pipelined_and_kept_alive_requests_get_one_response_each(patient_server: str) -> None:
    with connect(patient_server) as client:
        client.sendall(COMPLETE * 3 + COMPLETE[:20])
        received = b""
        while received.count(b"HTTP/1.1 200 OK") < 3:
            received += client.recv(65536)
        client.sendall(COMPLETE[20:])
        while received.count(b"HTTP/1.1 200 OK") < 4:
            received += client.recv(65536)


def test_client_that_expects_100_continue_gets_it_before_the_body(patient_server: str) -> None:
    body = b'{"customer_ids": ["00012"]}'
    head = (
        b"POST /v1/customers:batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with connect(patient_server) as client:
        client.sendall(head)
        assert client.recv(65536).startswith(b"HTTP/1.1 100 Continue")
        client.sendall(body)
        received = b""
        while b"00012" not in received:
            received += client.recv(65536)
        assert b"HTTP/1.1 200 OK" in received


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization Bearer secret-key\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 60 + b"\r\n", 431),
        (b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n", 413),
        (b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_request_that_is_not_valid_http_gets_problem_json(
    patient_server: str, request_bytes: bytes, status: int
) -> None:
    with connect(patient_server) as client:
        client.sendall(request_bytes)
        found, problem = status_and_problem(receive_all(client))
    assert found == status
    assert b"secret-key" not in json.dumps(problem).encode()


CHUNKED = b"POST /v1/customers:batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED += b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "chunks",
    [
        b"1;bad ext\r\n{\r\n0\r\n\r\n",
        b"1 \r\n{\r\n0\r\n\r\n",
        b"1;a=\rb\r\n{\r\n0\r\n\r\n",
        b"1\r\n{\r\n0\r\nBad Trailer: x\r\n\r\n",
        b"1\r\n{\r\n0\r\nContent-Length: 5\r\n\r\n",
        b"1\r\n{\r\n0\r\nA: b\nC: d\r\n\r\n",
    ],
)
@pytest.mark.parametrize("path", [b"/v1/customers:batch", b"/nowhere"])
def test_malformed_chunks_get_one_400_or_404_and_end_the_connection(
    patient_server: str, chunks: bytes, path: bytes
) -> None:
    with connect(patient_server) as client:
        client.sendall(CHUNKED.replace(b"/v1/customers:batch", path) + chunks + COMPLETE)
        received = receive_all(client)
    assert received.count(b"HTTP/1.1 ") == 1
    status, _ = status_and_problem(received)
    assert status in ((400,) if path != b"/nowhere" else (400, 404))


@pytest.mark.parametrize("header", ["SCRIPT_NAME", "PATH_INFO", "Script-Name"])
def test_headers_cannot_change_the_path(patient_server: str, header: str) -> None:
    response = httpx.get(f"{patient_server}/livez", headers={header: "/etc/secret"}, trust_env=False, timeout=60)
    assert response.status_code == 200
    assert response.json() == {"status": "alive"}


def test_log_of_rejected_requests_contains_no_values_of_the_request(fitted: tuple[Path, FitReport]) -> None:
    with server_process(fitted[0], "gunicorn", "log_level='info'", stderr=subprocess.PIPE) as (url, process):
        for header in (b"Authorization Bearer secret-key", b"Bad Name: secret-key", b"SCRIPT_NAME: /secret-key"):
            with connect(url) as client:
                client.sendall(b"GET /secret-key HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\n")
                assert client.recv(65536)
        process.terminate()
        assert process.stderr is not None
        output = process.stderr.read()
    assert b"Booting worker with pid" in output
    assert b"secret-key" not in output
    assert b"Traceback" not in output
