"""In-memory view of the events since a fit, by customer; shared by all threads and updated with new events only."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from smart_retail.events.erased_customers import erased_among
from smart_retail.events.event import Event
from smart_retail.events.store import EventStore


class RecentEvents:
    """Events that are newer than a fitted version.

    Parameters
    ----------
    store : EventStore
    after : int
        Sequence number of the newest event that the version was fitted with.
    fitted_store : str
        Id of the store with these events; all events of another store are newer. Empty if it is not known.
    """

    def __init__(self, store: EventStore, after: int, fitted_store: str = "") -> None:
        self._store = store
        self._after = after
        self._fitted_store = fitted_store
        self._newest: Event | None = None
        self._state: tuple[str, int] | None = None
        """Id of the store and number of deletions at the last read."""
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
        """Add the events since the last read; after a deletion, or if the store was replaced, read all events again."""
        state = store, _ = self._store.state()
        events = self._continue() if state == self._state else None
        before: dict[str, tuple[Event, ...]] = {} if events is None else self._by_customer
        newest = None if events is None else self._newest
        if events is None:
            is_other = bool(store and self._fitted_store) and store != self._fitted_store
            events = self._store.all(0 if is_other else self._after)
        found: dict[str, list[Event]] = {}
        for event in events:
            found.setdefault(event.customer_id, []).append(event)
            newest = event
        # A store that was restored can contain customers who were erased since the copy was made.
        for erased in erased_among(found, self._store.erased_customers.read()) if found else ():
            del found[erased]
        updated = {c: (*before.get(c, ()), *new) for c, new in found.items()}
        if before:
            self._by_customer.update(updated)
        else:
            self._by_customer = updated
        self._newest, self._state = newest, state

    def _continue(self) -> Iterator[Event] | None:
        """Return the events after the newest one of the last read, None if it is not in the store any more."""
        newest = self._newest
        if newest is None:
            return None
        events = self._store.all(newest.sequence - 1)
        return events if next(events, None) == newest else None
