"""Compares the local copy of a remote store with the store while a server runs, in a thread of its own.

Requests never wait for the store. A version that was published by another host appears in the copy, where hot reload
finds it. While the store cannot be reached, the copy stays as it is.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from smart_retail.errors import SettingsError

log = logging.getLogger("smart_retail.serving.store_polling")

POLL_VARIABLE: Final = "SMART_RETAIL_STORE_POLL_SECONDS"
POLL_SECONDS: Final = 10.0
MIN_POLL_SECONDS: Final = 0.1
MAX_POLL_SECONDS: Final = 86_400.0
SHARED_INTERVAL: Final = 0.8
"""Share of the interval within which another process of the host has polled for this one."""

_pollers: dict[Path, StorePoller] = {}
_lock = threading.Lock()


class StorePoller:
    """A thread that refreshes a local copy at regular intervals until it is stopped.

    Parameters
    ----------
    folder : Path
        The local copy.
    interval_s : float
        Seconds between two requests to the store.
    """

    def __init__(self, folder: Path, interval_s: float) -> None:
        self.process = os.getpid()
        self._folder = folder
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-poller", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after a request that is running."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        from smart_retail.bundle.local_copy import refresh

        failed = ""
        while not self._stopped.wait(self._interval_s):
            problem = ""
            try:
                refresh(self._folder, self._interval_s * SHARED_INTERVAL)
            except Exception as error:  # the copy stays in use, whatever happens to the store
                problem = getattr(error, "code", type(error).__name__)
            if problem != failed:
                log.warning({"event": "store_failed" if problem else "store_read", "code": problem or failed})
            failed = problem


def poll_interval_s(environ: Mapping[str, str] | None = None) -> float:
    """Return the seconds between two requests to a remote store, from ``SMART_RETAIL_STORE_POLL_SECONDS``.

    Raises
    ------
    SettingsError
        The value is not a number from 0.1 to 86,400.
    """
    text = (os.environ if environ is None else environ).get(POLL_VARIABLE, "")
    try:
        seconds = float(text or POLL_SECONDS)
    except ValueError:
        seconds = -1.0
    if not MIN_POLL_SECONDS <= seconds <= MAX_POLL_SECONDS:
        raise SettingsError(f"{POLL_VARIABLE} is not a number of seconds.", "Write a number from 0.1 to 86400.")
    return seconds


def poll_store(artifacts: str | os.PathLike[str]) -> None:
    """Start the poller of a local copy in this process unless it runs; nothing happens for any other folder.

    Raises
    ------
    SettingsError
        The interval in the environment is not valid.
    """
    from smart_retail.utils.artifacts_location import store_url

    folder = Path(artifacts)
    if store_url(folder) is None:
        return
    with _lock:
        running = _pollers.get(folder)
        if running is None or running.process != os.getpid():  # threads do not survive a fork
            _pollers[folder] = StorePoller(folder, poll_interval_s())


def stop_polling(artifacts: str | os.PathLike[str]) -> None:
    """Stop the poller of a local copy, if one runs in this process."""
    with _lock:
        poller = _pollers.pop(Path(artifacts), None)
    if poller is not None:
        poller.stop()
