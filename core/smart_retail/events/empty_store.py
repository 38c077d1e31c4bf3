"""The event store of artifacts in a remote store without a database that all hosts share: it has no events.

An event in a file of one host would be unknown to the other hosts and to the fit, so none is accepted. Customers can be
erased: their tombstones are in ``erased.txt``, which is a shared file of the remote store.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator

from smart_retail.errors import NeedsDatabaseError
from smart_retail.events.erased_customers import Tombstone
from smart_retail.events.event import Event
from smart_retail.events.store import EventStore


class EmptyEventStore(EventStore):
    """An event store that refuses events."""

    _erased: frozenset[Tombstone] = frozenset()

    def add(self, events: Iterable[Event], above: int = 0) -> int:
        """Raise `NeedsDatabaseError`."""
        raise NeedsDatabaseError(
            "Events are not accepted: artifacts in a remote store need a database for them.",
            "Set SMART_RETAIL_EVENTS_URL to a PostgreSQL database that all hosts reach.",
        )

    def for_customer(self, customer_id: str, after: int = 0) -> list[Event]:
        return []

    def all(self, after: int = 0) -> Iterator[Event]:
        return iter(())

    def state(self) -> tuple[str, int]:
        return "", 0

    def last_sequence(self) -> int:
        return 0

    def erase(self, customer_id: str) -> int:
        """Add a tombstone, with a salt that is in use if there is one; return 0."""
        salts = {tombstone.salt for tombstone in self.erased_customers.read()}
        salt = min(salts, default="") or secrets.token_hex(16)
        self._erased |= {Tombstone.of(salt, customer_id)}
        return 0

    def remove(self, event_id: str) -> bool:
        return False

    def stored_tombstones(self) -> set[Tombstone]:
        return set(self._erased)

    def compact(self, through: int, before: str) -> int:
        return 0

    def change_counter(self) -> Callable[[], object]:
        return lambda: None
