"""Long work in the background: progress to look at, a report or an error out.

One fit at a time for the whole server. The bundle that answers stays in place until the new one is
published, and for good when the fit fails or is cancelled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Generic, TypeVar

from smart_retail.errors import CancelledError, LockError, RetailError
from smart_retail.progress import Progress

Report = TypeVar("Report")

MIN_SHARE_FOR_ESTIMATE = 0.08
"""Below this share the time left would be a guess."""


class Job(Generic[Report]):
    """One piece of work, such as a fit; a `smart_retail.progress.Progress`."""

    def __init__(
        self,
        work: Callable[[Progress], Report],
        folder: TemporaryDirectory[str] | None,
        name: str,
        what: str = "fit",
    ) -> None:
        self.name = name
        self.done = 0.0
        self.stages: list[str] = []
        self.messages: list[str] = []
        self.report: Report | None = None
        self.error: RetailError | None = None
        self._work, self._folder, self._what = work, folder, what
        self._stop = threading.Event()
        self._since = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)
        self._thread.start()

    def stage(self, name: str, done: float) -> None:
        self.stages.append(name)
        self.update(done)

    def update(self, done: float) -> None:
        self.done = min(max(done, self.done), 1.0)

    def message(self, text: str) -> None:
        self.messages.append(text)

    def check(self) -> None:
        if self._stop.is_set():
            raise CancelledError(f"The {self._what} was cancelled.", "The model in use is unchanged.")

    def cancel(self) -> None:
        """Ask to stop at the next check."""
        self._stop.set()

    @property
    def cancelling(self) -> bool:
        return self._stop.is_set() and self.running

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def wait(self, timeout: float | None = None) -> None:
        self._thread.join(timeout)

    def seconds_left(self) -> float | None:
        """From the pace so far; None while that would be a guess."""
        elapsed = time.monotonic() - self._since
        return elapsed * (1 - self.done) / self.done if self.done >= MIN_SHARE_FOR_ESTIMATE else None

    def _run(self) -> None:
        try:
            self.report = self._work(self)
        except RetailError as error:
            self.error = error
        except Exception:  # a fault of ours: the visitor is told, the log has the trace
            told = f"The {self._what} failed unexpectedly."
            self.error = RetailError(told, "The model in use is unchanged; the log has more.")
            raise
        finally:
            if self._folder is not None:
                self._folder.cleanup()


class JobSlot(Generic[Report]):
    """Where one piece of work at a time is looked up: the server's one fit, a visitor's what-if."""

    def __init__(self, what: str = "fit") -> None:
        self.job: Job[Report] | None = None
        self._what = what
        self._lock = threading.Lock()

    def start(
        self, work: Callable[[Progress], Report], folder: TemporaryDirectory[str] | None, name: str
    ) -> Job[Report]:
        """Begin.

        Raises
        ------
        LockError
            Another one is running.
        """
        with self._lock:
            if self.job is not None and self.job.running:
                raise LockError(f"Another {self._what} is running.", "Wait for it, or cancel it.")
            self.job = Job(work, folder, name, self._what)
            return self.job

    def clear(self) -> None:
        """Forget work that has ended."""
        with self._lock:
            if self.job is not None and not self.job.running:
                self.job = None
