"""Kill the server while events are written; every acknowledged event must be stored exactly once."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import httpx

from smart_retail.events import open_events

from .server import Server, running_server

WRITERS = 3


def kill_during_writes(artifacts: Path, kills: int) -> int:
    """Kill the server `kills` times at random moments; return the number of acknowledged events.

    Three clients write concurrently. At the end, all events of the last clients are sent again, as a client should
    after a missing response.
    """
    rng = random.Random(11)
    acknowledged: set[str] = set()
    with running_server(artifacts, workers=2) as server:
        for attempt in range(kills):
            if attempt:
                server.start()
            writers = [EventWriter(server, f"{attempt}-{number}") for number in range(WRITERS)]
            for writer in writers:
                writer.start()
            while not any(writer.acknowledged for writer in writers):
                writers[0].join(0.01)
            writers[0].join(rng.random() * 0.5)  # a pause: the thread runs until the server is killed
            server.kill()
            for writer in writers:
                writer.join()
                acknowledged |= writer.acknowledged
                assert writer.errors == []
        _send_again(server, writers, acknowledged)
    stored = [event.event_id for event in open_events(artifacts).all()]
    assert len(stored) == len(set(stored)), "an event was stored twice"
    assert acknowledged <= set(stored), "an acknowledged event is missing"
    return len(acknowledged)


def _send_again(server: Server, writers: list[EventWriter], acknowledged: set[str]) -> None:
    """Send all events of the last writers again and add them to `acknowledged`."""
    server.start()
    with server.client() as client:
        for writer in writers:
            for batch in writer.batches:
                response = client.post("/v1/events", json={"events": batch})
                assert response.status_code == 200, response.text
                acknowledged |= {event["event_id"] for event in batch}


class EventWriter(threading.Thread):
    """Sends batches of events until the server no longer responds."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.server = server
        self.batches: list[list[dict[str, str]]] = []
        self.acknowledged: set[str] = set()
        self.errors: list[str] = []

    def run(self) -> None:
        with self.server.client() as client:
            for number in range(1_000_000):
                batch = [_event(f"{self.name}-{number}-{index}", number) for index in range(1 + number % 5)]
                self.batches.append(batch)
                try:
                    response = client.post("/v1/events", json={"events": batch})
                except httpx.TransportError:
                    return
                if response.status_code != 200:
                    self.errors.append(response.text)
                    continue
                self.acknowledged |= {event["event_id"] for event in batch}


def _event(event_id: str, number: int) -> dict[str, str]:
    customer, item = f"c{number % 40 + 20:04}", f"G-{number % 15:03}"
    return {"event_id": event_id, "customer_id": customer, "item_id": item, "timestamp": "2025-03-01T10:00:00"}
