"""In-memory view of the events since a fit, by customer; shared by all threads and updated with new events only."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from smart_retail.events.event import Event
from smart_retail.events.store import EventStore


class RecentEvents:
    """Events that are newer than a fitted version.

    Parameters
    ----------
    store : EventStore
    after : int
        Sequence number of the newest event that the version was fitted with.
    """

    def __init__(self, store: EventStore, after: int) -> None:
        self._store = store
        self._after = after
        self._last = after
        self._deletions = 0
        self._by_customer: dict[str, tuple[Event, ...]] = {}
        self._lock = threading.Lock()
        self._local = threading.local()

    def for_customer(self, customer_id: str) -> Sequence[Event]:
        """Return the customer's events since the fit, oldest first."""
        self._refresh()
        return self._by_customer.get(customer_id, ())

    def customer_ids(self) -> list[str]:
        """Return the customers with events since the fit."""
        self._refresh()
        return list(self._by_customer)

    def _refresh(self) -> None:
        """Read new events if the store has changed since the last call in this thread."""
        local = self._local
        if not hasattr(local, "read_counter"):
            local.read_counter, local.counter = self._store.change_counter(), None
        counter = local.read_counter()
        if counter != local.counter:
            with self._lock:
                self._read_new_events()
            # The counter of before the read: events stored during the read are read next time. It is kept per thread
            # since SQLite's counter belongs to a connection; the shared view can be newer, but never older.
            local.counter = counter

    def customers(self) -> frozenset[str]:
        """Return the ids of all customers with events since the fit."""
        self.for_customer("")  # reads new events
        return frozenset(self._by_customer)

    def _read_new_events(self) -> None:
        """Add the events since the last read; after a deletion, read all events again."""
        deletions = self._store.count_deletions()
        read_all = deletions != self._deletions
        found: dict[str, list[Event]] = {}
        last = self._after if read_all else self._last
        for event in self._store.all(last):
            found.setdefault(event.customer_id, []).append(event)
            last = event.sequence
        updated = {c: (*(() if read_all else self._by_customer.get(c, ())), *events) for c, events in found.items()}
        if read_all:
            self._by_customer = updated
        else:
            self._by_customer.update(updated)
        self._last, self._deletions = last, deletions
