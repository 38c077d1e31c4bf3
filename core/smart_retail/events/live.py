"""Events since a fit, by customer, in memory. Each thread keeps a view and reads only what came after its last look."""

from __future__ import annotations

import threading

from smart_retail.events.event import Event
from smart_retail.events.log import EventLog


class LiveEvents:
    """The events that the active version does not know yet.

    Parameters
    ----------
    log : EventLog
        Where events are kept.
    after : int
        Sequence of the newest event that the version was fitted with.
    """

    def __init__(self, log: EventLog, after: int) -> None:
        self._log = log
        self._after = after
        self._local = threading.local()

    def of(self, customer_id: str) -> list[Event]:
        """The customer's events since the fit, oldest first."""
        if not hasattr(self._local, "view"):
            # By thread, as what it has seen: a slower thread never puts an older view in its place.
            self._local.view = _View(self._log, self._after)
        view: _View = self._local.view
        return view.of(customer_id)


class _View:
    """What one thread has seen."""

    def __init__(self, log: EventLog, after: int) -> None:
        self._log = log
        self._after = after
        self._look = log.watch()
        self._seen: int | None = None
        self._erasures = 0
        self._last = after
        self._by_customer: dict[str, list[Event]] = {}

    def of(self, customer_id: str) -> list[Event]:
        state = self._look()
        if state != self._seen:
            self._catch_up()
            self._seen = state  # of before the reading: what came meanwhile is looked at next time
        return self._by_customer.get(customer_id, [])

    def _catch_up(self) -> None:
        """Take in what came since; after an erasure, everything anew."""
        erasures = self._log.erasures()
        if erasures != self._erasures:
            self._by_customer, self._last = {}, self._after
        for event in self._log.all(self._last):
            self._by_customer.setdefault(event.customer_id, []).append(event)
            self._last = event.sequence
        self._erasures = erasures
