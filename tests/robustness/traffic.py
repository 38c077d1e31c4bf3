"""Mixed traffic at half the peak rate: lists, profiles, searches, events and version changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from .server import Server

CLIENTS = 4
SWAP_INTERVAL_SECONDS = 10.0
WARM_UP_SHARE = 0.2
"""Share of the run after which the growth of memory is measured."""


@dataclass
class TrafficResult:
    """Figures of one run."""

    rate: float
    """Requests per second; 0 for as many as possible."""
    responses: int = 0
    p95_ms: float = 0.0
    """95th percentile of the response time, milliseconds."""
    growth_mb: float = 0.0
    """Growth of the private memory of all server processes after the warm-up, MB."""
    faults: list[str] = field(default_factory=list)


def peak_rate(server: Server, seconds: float) -> float:
    """Return the responses per second of clients that send without pauses."""
    result = _send_requests(server, seconds, pause=0.0)
    assert result.faults == []
    return result.responses / seconds


def mixed_traffic(server: Server, rate: float, seconds: float, swap: Callable[[int], None]) -> TrafficResult:
    """Send requests at a rate and change the version every ten seconds.

    Parameters
    ----------
    server : Server
        A running server.
    rate : float
        Requests per second.
    seconds : float
        Duration.
    swap : callable
        Activates another version; receives the number of the change, from 0.
    """
    stop = threading.Event()
    memory: list[float] = []

    def change_versions() -> None:
        number = 0
        while not stop.wait(min(SWAP_INTERVAL_SECONDS, seconds / 6)):
            swap(number)
            number += 1
            memory.append(_memory_mb(server))

    changer = threading.Thread(target=change_versions)
    changer.start()
    try:
        result = _send_requests(server, seconds, pause=CLIENTS / rate)
    finally:
        stop.set()
        changer.join()
    warm = memory[int(len(memory) * WARM_UP_SHARE) :]
    result.growth_mb = round(warm[-1] - warm[0], 1)
    return result


def _send_requests(server: Server, seconds: float, pause: float) -> TrafficResult:
    """Send from each client at fixed times, `pause` seconds apart."""
    result, lock = TrafficResult(CLIENTS / pause if pause else 0.0), threading.Lock()
    times: list[float] = []

    def run(client_number: int) -> None:
        begin = time.monotonic()
        with server.client() as client:
            number = 0
            while (now := time.monotonic()) < begin + seconds:
                due = begin + number * pause
                if now < due:
                    time.sleep(due - now)
                fault, started = "", time.perf_counter()
                try:
                    response = _request(client, client_number, number)
                    if response.status_code != 200:
                        fault = f"{response.request.url.path}: {response.status_code} {response.text[:200]}"
                except httpx.TransportError as error:
                    fault = f"{type(error).__name__}: {error}"
                with lock:
                    times.append(time.perf_counter() - started)
                    result.responses += 1
                    if fault:
                        result.faults.append(fault)
                number += 1

    threads = [threading.Thread(target=run, args=(client_number,)) for client_number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.p95_ms = round(sorted(times)[int(len(times) * 0.95)] * 1000, 1)
    return result


def _request(client: httpx.Client, client_number: int, number: int) -> httpx.Response:
    customer = f"c{number % 130:04}"
    match number % 10:
        case 0:
            event = {
                "event_id": f"{time.time_ns()}-{client_number}",
                "customer_id": f"c{number % 60:04}",
                "item_id": "G-007",
            }
            return client.post("/v1/events", json={"events": [event | {"timestamp": "2025-03-01T10:00:00"}]})
        case 1:
            return client.get(f"/v1/customers/{customer}")
        case 2:
            return client.get("/v1/items", params={"q": "thing"})
        case 3:
            return client.post("/v1/recommendations:batch", json={"customer_ids": [customer, "unknown", "A/B"]})
        case _:
            return client.get(f"/v1/customers/{customer}/recommendations")


def _memory_mb(server: Server) -> float:
    """Return the private memory of the server processes, MB, without mapped files."""
    pages = 0
    for process in server.processes():
        for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("RssAnon:"):
                pages += int(line.split()[1])
    return pages / 1024
