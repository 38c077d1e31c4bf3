"""`EventStore`, the interface of the event databases."""

from __future__ import annotations

import csv
import hashlib
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from smart_retail.errors import DataError
from smart_retail.events.erased_customers import ErasedCustomers, Tombstone, erased_among
from smart_retail.events.event import FIELDS, MILLION, Event

REMOVAL_PREFIX: Final = "removed-"
MAX_SUM: Final = 2**63 - 1
"""Largest sum of quantities and of amounts, millionths."""


class EventStore(ABC):
    """Events in the order in which they were stored, and hashes of erased customers. Safe for several processes.

    Parameters
    ----------
    artifacts : path or None
        The folder whose file ``erased.txt`` excludes further customers; None for no such file.
    """

    def __init__(self, artifacts: str | os.PathLike[str] | None) -> None:
        self.erased_customers = ErasedCustomers(artifacts)

    @abstractmethod
    def add(self, events: Iterable[Event], above: int = 0) -> int:
        """Store events durably and return how many were new; known event ids and erased customers are skipped.

        Parameters
        ----------
        events : iterable of Event
        above : int
            The sequence numbers of the new events are above this one: that of the newest event that the active version
            includes. A database that was restored from a backup would otherwise use numbers again.
        """

    @abstractmethod
    def for_customer(self, customer_id: str, after: int = 0) -> list[Event]:
        """Return the events of one customer with a sequence number above `after`, oldest first."""

    @abstractmethod
    def all(self, after: int = 0) -> Iterator[Event]:
        """Yield every event with a sequence number above `after`, oldest first.

        Later events always have a higher sequence number than those already visible.
        """

    @abstractmethod
    def state(self) -> tuple[str, int]:
        """Return what shows whether known events are still valid.

        Returns
        -------
        str
            Id of the database, which distinguishes it from a new one; empty before the first event.
        int
            A number that grows when a customer is erased or an event is removed.
        """

    def store_id(self) -> str:
        """Return the id of the database, empty before the first event."""
        return self.state()[0]

    @abstractmethod
    def last_sequence(self) -> int:
        """Return the sequence number of the newest event, 0 without any."""

    @abstractmethod
    def erase(self, customer_id: str) -> int:
        """Remove a customer's events, store the hash of the id, and return the number of removed events.

        Raises
        ------
        LockError
            The events were removed, but their copies in other files of the database were not, since another process
            reads them.
        """

    @abstractmethod
    def remove(self, event_id: str) -> bool:
        """Remove one event, such as one with a wrong amount; return whether it was stored.

        The same id may be stored again.
        """

    @abstractmethod
    def stored_tombstones(self) -> set[Tombstone]:
        """Return the tombstones in the database."""

    def tombstones(self) -> set[Tombstone]:
        """Return the tombstones of all erased customers, in the database and in ``erased.txt``."""
        return self.stored_tombstones() | self.erased_customers.read()

    def count_erased(self) -> int:
        """Return the number of erased customers."""
        return len(self.tombstones())

    def erased_among(self, customer_ids: Iterable[str]) -> set[str]:
        """Return those of the customers who were erased."""
        return erased_among(customer_ids, self.tombstones())

    @abstractmethod
    def compact(self, through: int, before: str) -> int:
        """Remove events that order files contain by now, and return their number; their ids stay known.

        Parameters
        ----------
        through : int
            Only events up to this sequence number are removed.
        before : str
            Only events with an earlier timestamp (ISO 8601) are removed.
        """

    @abstractmethod
    def change_counter(self) -> Callable[[], object]:
        """Return a function that reads a change counter, to be called in one thread.

        The counter changes with every commit of any process; it is None before the first.
        """

    def write_csv(self, path: Path) -> int:
        """Write all events as order lines with canonical columns; return the newest sequence number, 0 without any.

        Raises
        ------
        DataError
            The quantities or amounts add up to more than int64 millionths.
        """
        last, amount, quantity, largest = 0, 0, 0, (0, "")
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(FIELDS[1:])
            for event in self.all():
                texts = (event.customer_id, event.order_id, event.item_id, event.timestamp)
                out.writerow((*texts, f"{event.quantity / MILLION:.6f}", f"{event.amount / MILLION:.6f}"))
                last, amount, quantity = event.sequence, amount + abs(event.amount), quantity + abs(event.quantity)
                largest = max(largest, (max(abs(event.amount), abs(event.quantity)), event.event_id))
        if max(amount, quantity) > MAX_SUM:
            raise DataError(
                f"The stored events add up to more than 9 trillion; the largest is {largest[1]!r}.",
                "Remove events whose quantity or amount is wrong: smart-retail events remove EVENT_ID.",
            )
        return last


def store_id_of(salt: str) -> str:
    """Return the id of a database for its random salt, empty without a salt."""
    return hashlib.sha256(f"store {salt}".encode()).hexdigest()[:16] if salt else ""


def event_key(event_id: str) -> str:
    """Return the key that is stored for an event id of any length."""
    return hashlib.sha256(event_id.encode("utf-8", "replace")).hexdigest()


def removal_mark() -> str:
    """Return a random mark that is stored next to the hashes of erased customers when an event is removed."""
    return REMOVAL_PREFIX + secrets.token_hex(16)
