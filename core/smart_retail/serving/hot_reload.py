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
RETRY_AFTER = 30.0
"""Seconds after which a refused version is tried again, should it have been mended in place."""


@dataclass(frozen=True, slots=True)
class RejectedVersion:
    """A version that was not taken."""

    code: str
    active: object
    """What was active then."""
    at: float
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
        self._seen = active()
        self._engine = load()
        self._next_look = time.monotonic() + POLL_INTERVAL_S
        self._lock = threading.Lock()
        self.refused: RejectedVersion | None = None

    @classmethod
    def fixed(cls, engine: RetailEngine) -> ReloadingEngine:
        """A holder of one engine that is never exchanged."""
        return cls(lambda: engine, lambda: None)

    def get(self) -> RetailEngine:
        """The engine of the moment; never waits for a load."""
        if time.monotonic() >= self._next_look and self._lock.acquire(blocking=False):
            try:
                self._next_look = time.monotonic() + POLL_INTERVAL_S
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
            seen = self._look()
            try:
                engine = self._load()
            except RetailError as error:
                self._refuse(error.code, seen)
            except Exception as error:  # whatever a broken bundle does, the old engine serves on
                self._refuse(type(error).__name__, seen)
            else:
                self._engine, self._seen, self.refused = engine, seen, None
                log.warning({"event": "serving", "version": engine.version})

    def _look(self) -> object:
        try:
            return self._active()
        except RetailError as error:
            return error.code

    def _has_changed(self) -> bool:
        active = self._look()
        if active == self._seen:
            self.refused = None
            return False
        tried = self.refused
        return tried is None or tried.active != active or time.monotonic() - tried.at > RETRY_AFTER

    def _refuse(self, code: str, active: object) -> None:
        self.refused = RejectedVersion(code, active, time.monotonic())
        log.error({"event": "refused", "code": code, "version": self._engine.version})
