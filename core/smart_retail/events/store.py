"""What every store of events can do, whatever keeps them."""

from __future__ import annotations

import csv
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from smart_retail.events.event import FIELDS, MILLION, Event


class EventStore(ABC):
    """Events in the order in which they became durable, and tombstones. Safe for several processes at once."""

    @abstractmethod
    def add(self, events: Iterable[Event]) -> int:
        """Store events durably; how many were new. Ids that are there already, and erased customers, change nothing."""

    @abstractmethod
    def for_customer(self, customer_id: str, after: int = 0) -> list[Event]:
        """The events of one customer with a sequence above `after`, oldest first."""

    @abstractmethod
    def all(self, after: int = 0) -> Iterator[Event]:
        """Every event with a sequence above `after`, oldest first. None below the last comes later."""

    @abstractmethod
    def last_sequence(self) -> int:
        """Sequence of the newest event, 0 without any."""

    @abstractmethod
    def erase(self, customer_id: str) -> int:
        """Remove a customer's events and leave a tombstone; how many events went."""

    @abstractmethod
    def count_erased(self) -> int:
        """How many customers were erased."""

    @abstractmethod
    def erased_among(self, customer_ids: Iterable[str]) -> set[str]:
        """Those of the customers who were erased."""

    @abstractmethod
    def change_counter(self) -> Callable[[], int | None]:
        """A look for one thread: a number that is another after every commit of anybody, None before the first."""

    def write_csv(self, path: Path) -> int:
        """Write every event as order lines in canonical columns; the newest event's sequence, 0 without any."""
        last = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(FIELDS[1:])
            for event in self.all():
                texts = (event.customer_id, event.order_id, event.item_id, event.timestamp)
                out.writerow((*texts, f"{event.quantity / MILLION:.6f}", f"{event.amount / MILLION:.6f}"))
                last = event.sequence
        return last


def tombstone(salt: str, customer_id: str) -> str:
    """What is kept of an erased customer: a hash under the store's own salt."""
    return hashlib.blake2b(customer_id.encode("utf-8", "replace"), key=bytes.fromhex(salt), digest_size=32).hexdigest()
