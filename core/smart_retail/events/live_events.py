"""Events since a fit, by customer, in memory: one view for all threads, which reads only what is new to it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from smart_retail.events.event import Event
from smart_retail.events.store import EventStore


class RecentEvents:
    """The events that the active version does not know yet.

    Parameters
    ----------
    log : EventStore
        Where events are kept.
    after : int
        Sequence of the newest event that the version was fitted with.
    """

    def __init__(self, log: EventStore, after: int) -> None:
        self._store = log
        self._after = after
        self._last = after
        self._erasures = 0
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
        """Read new events if the store has changed since this thread last looked."""
        local = self._local
        if not hasattr(local, "look"):
            local.look, local.seen = self._store.change_counter(), None
        state = local.look()
        if state != local.seen:
            with self._lock:
                self._read_new_events()
            # As it was before the reading: what came meanwhile is read next time. What a thread has seen is its own,
            # for SQLite's numbers are those of a connection; the view may be newer, and never becomes older.
            local.seen = state

    def customers(self) -> frozenset[str]:
        """Return the ids of all customers with events since the fit."""
        self.for_customer("")  # reads new events
        return frozenset(self._by_customer)

    def _read_new_events(self) -> None:
        """Take in what came since; after an erasure, everything anew."""
        erasures = self._store.count_erased()
        anew = erasures != self._erasures
        found: dict[str, list[Event]] = {}
        last = self._after if anew else self._last
        for event in self._store.all(last):
            found.setdefault(event.customer_id, []).append(event)
            last = event.sequence
        fresh = {c: (*(() if anew else self._by_customer.get(c, ())), *events) for c, events in found.items()}
        if anew:
            self._by_customer = fresh
        else:
            self._by_customer.update(fresh)
        self._last, self._erasures = last, erasures
