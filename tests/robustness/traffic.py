"""Trial: everyday traffic at half the peak rate: lists, profiles, searches, events, and versions that come and go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from .server import Server

SHOPS = 4
"""Clients that ask side by side."""
SWAP_EVERY = 10.0
WARM = 0.2
"""Part of the time after which memory is taken for the beginning of the growth."""


@dataclass
class Told:
    """What the traffic came to."""

    rate: float
    answers: int = 0
    late_ms: float = 0.0
    """95th percentile of the time to an answer."""
    growth_mb: float = 0.0
    """Of the server's processes together, after it was warm."""
    faults: list[str] = field(default_factory=list)


def peak_rate(server: Server, seconds: float) -> float:
    """Answers a second when every client asks again at once."""
    told = _ask(server, seconds, pause=0.0)
    assert told.faults == []
    return told.answers / seconds


def everyday(server: Server, rate: float, seconds: float, swap: Callable[[int], None]) -> Told:
    """So many requests a second for so long, with another version every ten seconds."""
    stop = threading.Event()
    memory: list[float] = []

    def change() -> None:
        number = 0
        while not stop.wait(min(SWAP_EVERY, seconds / 6)):
            swap(number)
            number += 1
            memory.append(_memory_mb(server))

    changer = threading.Thread(target=change)
    changer.start()
    try:
        told = _ask(server, seconds, pause=SHOPS / rate)
    finally:
        stop.set()
        changer.join()
    warm = memory[int(len(memory) * WARM) :]
    told.growth_mb = round(warm[-1] - warm[0], 1)
    return told


def _ask(server: Server, seconds: float, pause: float) -> Told:
    """Each client asks in turn, at fixed moments `pause` seconds apart."""
    told, lock = Told(SHOPS / pause if pause else 0.0), threading.Lock()
    times: list[float] = []

    def run(shop: int) -> None:
        begin = time.monotonic()
        with server.client() as client:
            number = 0
            while (now := time.monotonic()) < begin + seconds:
                due = begin + number * pause
                if now < due:
                    time.sleep(due - now)
                fault, started = "", time.perf_counter()
                try:
                    answer = _request(client, shop, number)
                    if answer.status_code != 200:
                        fault = f"{answer.request.url.path}: {answer.status_code} {answer.text[:200]}"
                except httpx.TransportError as error:
                    fault = f"{type(error).__name__}: {error}"
                with lock:
                    times.append(time.perf_counter() - started)
                    told.answers += 1
                    if fault:
                        told.faults.append(fault)
                number += 1

    shops = [threading.Thread(target=run, args=(shop,)) for shop in range(SHOPS)]
    for shop in shops:
        shop.start()
    for shop in shops:
        shop.join()
    told.late_ms = round(sorted(times)[int(len(times) * 0.95)] * 1000, 1)
    return told


def _request(client: httpx.Client, shop: int, number: int) -> httpx.Response:
    customer = f"c{number % 130:04}"
    match number % 10:
        case 0:
            event = {"event_id": f"{time.time_ns()}-{shop}", "customer_id": f"c{number % 60:04}", "item_id": "G-007"}
            return client.post("/v1/events", json={"events": [event | {"timestamp": "2025-03-01T10:00:00"}]})
        case 1:
            return client.get(f"/v1/customers/{customer}")
        case 2:
            return client.get("/v1/items", params={"q": "thing"})
        case 3:
            return client.post("/v1/recommendations:batch", json={"customer_ids": [customer, "nobody", "A/B"]})
        case _:
            return client.get(f"/v1/customers/{customer}/recommendations")


def _memory_mb(server: Server) -> float:
    """Private memory of the server's processes: pages of mapped files are the system's."""
    pages = 0
    for process in server.processes():
        for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("RssAnon:"):
                pages += int(line.split()[1])
    return pages / 1024
