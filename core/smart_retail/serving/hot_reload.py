"""The engine that answers, exchanged while a server runs. In: a folder; out: the engine of its active version.

`EngineHolder` looks at the folder's pointer at most once a second, loads a new version beside the old
one and swaps them in one assignment. A request takes its engine once and keeps it to its end. A new
version that cannot be read is refused and told of; the old one keeps serving.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from smart_retail.errors import RetailError
from smart_retail.protocol import RetailEngine

log = logging.getLogger("smart_retail.serving.hot_reload")

POLL_INTERVAL_S = 1.0
"""Seconds between two looks at the pointer."""
RETRY_AFTER_S = 30.0
"""Seconds after which a refused version is tried again, should it have been mended in place."""


@dataclass(frozen=True, slots=True)
class RejectedVersion:
    """A version that was not taken."""

    code: str
    active: object
    """What was active then."""
    attempted_at: float
    """`time.monotonic()` of the attempt."""


class ReloadingEngine:
    """Gives the engine of the moment.

    Parameters
    ----------
    load : callable
        Opens and checks the active version; raises `RetailError` where that cannot be done.
    active : callable
        A cheap text that changes with the active version, such as the pointer file's content.

    Raises
    ------
    RetailError
        The first load failed: there is nothing to serve.
    """

    def __init__(self, load: Callable[[], RetailEngine], active: Callable[[], object]) -> None:
        self._load = load
        self._active = active
        self._loaded = active()
        self._engine = load()
        self._next_poll = time.monotonic() + POLL_INTERVAL_S
        self._lock = threading.Lock()
        self.rejected: RejectedVersion | None = None

    @classmethod
    def fixed(cls, engine: RetailEngine) -> ReloadingEngine:
        """A holder of one engine that is never exchanged."""
        return cls(lambda: engine, lambda: None)

    def get(self) -> RetailEngine:
        """The engine of the moment; never waits for a load."""
        if time.monotonic() >= self._next_poll and self._lock.acquire(blocking=False):
            try:
                self._next_poll = time.monotonic() + POLL_INTERVAL_S
                if self._has_changed():
                    threading.Thread(target=self.refresh, name="engine-reload", daemon=True).start()
            finally:
                self._lock.release()
        return self._engine

    def refresh(self) -> None:
        """Load the active version now if it is another, and swap it in."""
        with self._lock:
            if not self._has_changed():
                return
            seen = self._read_active()
            try:
                engine = self._load()
            except RetailError as error:
                self._reject(error.code, seen)
            except Exception as error:  # whatever a broken bundle does, the old engine serves on
                self._reject(type(error).__name__, seen)
            else:
                self._engine, self._loaded, self.rejected = engine, seen, None
                log.warning({"event": "serving", "version": engine.version})

    def _read_active(self) -> object:
        try:
            return self._active()
        except RetailError as error:
            return error.code

    def _has_changed(self) -> bool:
        active = self._read_active()
        if active == self._loaded:
            self.rejected = None
            return False
        tried = self.rejected
        return tried is None or tried.active != active or time.monotonic() - tried.attempted_at > RETRY_AFTER_S

    def _reject(self, code: str, active: object) -> None:
        self.rejected = RejectedVersion(code, active, time.monotonic())
        log.error({"event": "refused", "code": code, "version": self._engine.version})
