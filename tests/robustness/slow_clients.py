"""Clients that send half a request and wait, and probes at the same time."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import httpx

from .server import Server

HALF_REQUESTS = (
    b"GET /livez HTT",
    b"GET /livez HTTP/1.1\r\nHost: localhost\r\n",
    b"POST /v1/customers:batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{",
    b"POST /v1/customers:batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
)
PROBES = ("/livez", "/readyz", "/v1/popular?n=5", "/v1/segments")
PROBE_INTERVAL_SECONDS = 0.2
PROBE_TIMEOUT_SECONDS = 30.0


def probe_during_half_requests(server: Server, clients: int, duration: float) -> list[float]:
    """Return the response time of each probe, seconds, while `clients` always hold a half request.

    A client that is disconnected connects again. A probe that fails counts as `PROBE_TIMEOUT_SECONDS`.
    """
    stop = threading.Event()
    threads = [threading.Thread(target=_hold_half_requests, args=(server.port, n, stop)) for n in range(clients)]
    for thread in threads:
        thread.start()
    times, number, end = [], 0, time.monotonic() + duration
    try:
        while time.monotonic() < end:
            times.append(_probe(server.url + PROBES[number % len(PROBES)]))
            number += 1
            time.sleep(PROBE_INTERVAL_SECONDS)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return times


def _probe(url: str) -> float:
    begin = time.monotonic()
    try:
        response = httpx.get(url, trust_env=False, timeout=PROBE_TIMEOUT_SECONDS)
    except httpx.HTTPError:
        return PROBE_TIMEOUT_SECONDS
    return time.monotonic() - begin if response.status_code == 200 else PROBE_TIMEOUT_SECONDS


def _hold_half_requests(port: int, number: int, stop: threading.Event) -> None:
    while not stop.is_set():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(HALF_REQUESTS[number % len(HALF_REQUESTS)])
            client.settimeout(0.5)
            while not stop.is_set():
                try:
                    if not client.recv(65536):
                        break
                except TimeoutError:
                    continue
        stop.wait(0.05)
