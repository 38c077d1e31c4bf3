"""In-memory cache of encoded JSON responses.

A response depends on the open bundle, the business rules in force and the customer's events since the fit; not on the
time or the client. The engine's `state_of` returns these inputs, and a cached response is valid while they are equal.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from smart_retail.protocol import RetailEngine, is_local

MAX_CACHE_BYTES = 24_000_000
"""Size of a worker's cache, bytes: about 8,000 lists of ten items with reasons."""
MAX_RESPONSE_BYTES = 32_000
"""Largest response that is cached, bytes."""
MAX_KEY_LENGTH = 300
"""Longest request that is cached: characters of its ids and query."""


State = tuple[object, ...]
"""Inputs of a response; the first element identifies the open bundle."""


def state_of(engine: RetailEngine, customer_id: str | None) -> State | None:
    """Return the state that responses for a customer depend on; None for an engine behind another API."""
    return engine.state_of(customer_id) if is_local(engine) else None


class ResponseCache:
    """Thread-safe LRU cache of responses, bounded by bytes; each is stored with the state it was computed in."""

    def __init__(self, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self.max_bytes = max_bytes
        self._responses: OrderedDict[Hashable, tuple[State, bytes]] = OrderedDict()
        self._bundle: object = None
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, state: State) -> bytes | None:
        """Return the cached response of a request in this state, or None."""
        with self._lock:
            entry = self._responses.get(key)
            if entry is None or entry[0] != state:
                return None
            self._responses.move_to_end(key)
            return entry[1]

    def put(self, key: Hashable, state: State, response: bytes) -> None:
        """Store a response; the least recently used ones are evicted when the cache is full."""
        if len(response) > MAX_RESPONSE_BYTES:
            return
        with self._lock:
            if state[0] is not self._bundle:  # a new bundle: drop everything, since it may contain an erased customer
                self._responses.clear()
                self._bytes, self._bundle = 0, state[0]
            previous = self._responses.pop(key, None)
            self._responses[key] = (state, response)
            self._bytes += len(response) - (len(previous[1]) if previous else 0)
            while self._bytes > self.max_bytes:
                self._bytes -= len(self._responses.popitem(last=False)[1][1])
