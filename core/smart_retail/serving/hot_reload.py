"""Hot reload: serve the active version of an artifacts folder, and replace the engine when another is activated.

`ReloadingEngine` reads the pointer of the folder at most once per second, loads a new version next to the current one
and replaces it in one assignment. A request keeps the engine it started with. A version that cannot be loaded is
rejected and reported; the current one stays in use.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from smart_retail.errors import ArtifactError, RetailError
from smart_retail.protocol import RetailEngine

log = logging.getLogger("smart_retail.serving.hot_reload")

POLL_INTERVAL_S = 1.0
"""Seconds between two reads of the pointer."""
RETRY_AFTER_S = 30.0
"""Seconds after which a rejected version is loaded again, since it may have been repaired in place."""


@dataclass(frozen=True, slots=True)
class RejectedVersion:
    """A version that could not be loaded."""

    code: str
    """Error code."""
    active: object
    """Content of the pointer at that time."""
    attempted_at: float
    """Time of the attempt on the clock of the `ReloadingEngine`, seconds."""


class ReloadingEngine:
    """Provides the engine of the active version.

    Parameters
    ----------
    load : callable
        Opens and verifies the active version; raises `RetailError` if that fails.
    active : callable
        Returns a value that changes with the active version, such as the content of the pointer file.
    fallback : callable, optional
        Opens another version, such as the previous one, if the first load fails. Without a usable fallback, `get`
        raises until a version can be loaded. By default a failed first load raises immediately.
    clock : callable
        Returns the time in seconds.

    Raises
    ------
    RetailError
        The first load failed and there is no `fallback`.
    """

    def __init__(
        self,
        load: Callable[[], RetailEngine],
        active: Callable[[], object],
        *,
        fallback: Callable[[], RetailEngine] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._active = active
        self._fallback = fallback
        self._clock = clock
        self._lock = threading.Lock()
        self._engine: RetailEngine | None = None
        self._loaded: object = object()
        """Content of the pointer when the engine was loaded; initially equal to no pointer."""
        self.rejected: RejectedVersion | None = None
        if fallback is None:
            self._loaded, self._engine = active(), load()
        else:
            self.refresh()
        self._next_poll = clock() + POLL_INTERVAL_S

    @classmethod
    def fixed(cls, engine: RetailEngine) -> ReloadingEngine:
        """Return a holder of one engine that is never replaced."""
        return cls(lambda: engine, lambda: None)

    def get(self) -> RetailEngine:
        """Return the current engine without waiting for a load.

        Raises
        ------
        ArtifactError
            No version could be loaded yet.
        """
        if self._clock() >= self._next_poll and self._lock.acquire(blocking=False):
            try:
                self._next_poll = self._clock() + POLL_INTERVAL_S
                if self._has_changed():
                    threading.Thread(target=self.refresh, name="engine-reload", daemon=True).start()
            finally:
                self._lock.release()
        if self._engine is None:
            raise ArtifactError("No version can be loaded.", "Publish a new bundle or roll back.")
        return self._engine

    def refresh(self) -> None:
        """Load the active version now if it differs from the current one."""
        with self._lock:
            if not self._has_changed():
                return
            pointer = self._read_active()
            engine = self._try_load(self._load, pointer)
            if engine is not None:
                self._engine, self._loaded, self.rejected = engine, pointer, None
                log.warning({"event": "serving", "version": engine.version})
            elif self._engine is None and self._fallback is not None:
                rejected = self.rejected
                self._engine = self._try_load(self._fallback, pointer)
                self.rejected = rejected
                if self._engine is not None:
                    log.warning({"event": "serving", "version": self._engine.version})

    def _try_load(self, load: Callable[[], RetailEngine], pointer: object) -> RetailEngine | None:
        try:
            return load()
        except RetailError as error:
            self._reject(error.code, pointer)
        except Exception as error:  # whatever a damaged bundle causes, the current engine stays in use
            self._reject(type(error).__name__, pointer)
        return None

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
        return tried is None or tried.active != active or self._clock() - tried.attempted_at > RETRY_AFTER_S

    def _reject(self, code: str, pointer: object) -> None:
        self.rejected = RejectedVersion(code, pointer, self._clock())
        log.error({"event": "refused", "code": code, "version": self._engine and self._engine.version})
