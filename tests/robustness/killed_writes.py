"""Trial: the server is killed while events are written. Whatever was acknowledged is there, and once."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import httpx

from smart_retail.events import open_events

from .server import Server, serving

WRITERS = 3


def kill_during_writes(artifacts: Path, kills: int) -> int:
    """Kill the server `kills` times at a random moment; how many events were acknowledged.

    Three shops write at once. One of them sends again what was not answered, as a shop should.
    """
    chance = random.Random(11)
    acknowledged: set[str] = set()
    with serving(artifacts, workers=2) as server:
        for attempt in range(kills):
            if attempt:
                server.start()
            writers = [Writer(server, f"{attempt}-{number}") for number in range(WRITERS)]
            for writer in writers:
                writer.start()
            while not any(writer.acknowledged for writer in writers):
                writers[0].join(0.01)
            writers[0].join(chance.random() * 0.5)  # joins in vain: it writes until the server is dead
            server.kill()
            for writer in writers:
                writer.join()
                acknowledged |= writer.acknowledged
                assert writer.refusals == []
        _send_again(server, writers, acknowledged)
    found = [event.event_id for event in open_events(artifacts).all()]
    assert len(found) == len(set(found)), "an event is there twice"
    assert acknowledged <= set(found), "an acknowledged event is lost"
    return len(acknowledged)


def _send_again(server: Server, writers: list[Writer], acknowledged: set[str]) -> None:
    """All that the last writers sent, answered or not: nothing of it counts twice."""
    server.start()
    with server.client() as client:
        for writer in writers:
            for batch in writer.sent:
                answer = client.post("/v1/events", json={"events": batch})
                assert answer.status_code == 200, answer.text
                acknowledged |= {event["event_id"] for event in batch}


class Writer(threading.Thread):
    """Writes batches of events until the server no longer answers."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.server = server
        self.sent: list[list[dict[str, str]]] = []
        self.acknowledged: set[str] = set()
        self.refusals: list[str] = []

    def run(self) -> None:
        with self.server.client() as client:
            for number in range(1_000_000):
                batch = [_event(f"{self.name}-{number}-{place}", number) for place in range(1 + number % 5)]
                self.sent.append(batch)
                try:
                    answer = client.post("/v1/events", json={"events": batch})
                except httpx.TransportError:
                    return
                if answer.status_code != 200:
                    self.refusals.append(answer.text)
                    continue
                self.acknowledged |= {event["event_id"] for event in batch}


def _event(event_id: str, number: int) -> dict[str, str]:
    customer, item = f"c{number % 40 + 20:04}", f"G-{number % 15:03}"
    return {"event_id": event_id, "customer_id": customer, "item_id": item, "timestamp": "2025-03-01T10:00:00"}
