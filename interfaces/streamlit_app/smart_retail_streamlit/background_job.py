"""Long work in a background thread, with progress, cancellation and a result or an error.

The server runs one fit at a time. The model in use stays active until the new one is published, and if the fit
fails or is cancelled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Generic, TypeVar

from smart_retail.errors import CancelledError, LockError, RetailError
from smart_retail.progress import Progress

T = TypeVar("T")

MIN_SHARE_FOR_ESTIMATE = 0.08
"""No estimate of the time left below this share of the work (0 to 1)."""


class Job(Generic[T]):
    """One piece of work, such as a fit. Implements `smart_retail.progress.Progress`.

    Parameters
    ----------
    work : callable
        Called in a thread with this object as its progress.
    folder : TemporaryDirectory, optional
        Input files; removed when the work has ended.
    name : str
        What is worked on, for the screen.
    kind : str
        What the work is called in messages.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(
        self,
        work: Callable[[Progress], T],
        folder: TemporaryDirectory[str] | None,
        name: str,
        kind: str = "fit",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.done = 0.0
        self.stages: list[str] = []
        self.messages: list[str] = []
        self.report: T | None = None
        self.error: RetailError | None = None
        self._work, self._folder, self._kind = work, folder, kind
        self._stop = threading.Event()
        self._clock, self._started = clock, clock()
        self._thread = threading.Thread(target=self._run, name=kind, daemon=True)
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
            raise CancelledError(f"The {self._kind} was cancelled.", "The model in use is unchanged.")

    def cancel(self) -> None:
        """Stop at the next check."""
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
        """Return the estimated time left in seconds, or None if it is too early to estimate it."""
        elapsed = self._clock() - self._started
        return elapsed * (1 - self.done) / self.done if self.done >= MIN_SHARE_FOR_ESTIMATE else None

    def _run(self) -> None:
        try:
            self.report = self._work(self)
        except RetailError as error:
            self.error = error
        except Exception:  # a bug: the visitor gets a message, the log has the traceback
            self.error = RetailError(
                f"The {self._kind} failed unexpectedly.",
                "The model in use is unchanged. The log of the server has details.",
            )
            raise
        finally:
            if self._folder is not None:
                self._folder.cleanup()


class JobSlot(Generic[T]):
    """Holds at most one running job: the fit of the server, or the what-if of a visitor."""

    def __init__(self, kind: str = "fit") -> None:
        self.job: Job[T] | None = None
        self._kind = kind
        self._lock = threading.Lock()

    def start(self, work: Callable[[Progress], T], folder: TemporaryDirectory[str] | None, name: str) -> Job[T]:
        """Start a job.

        Parameters
        ----------
        work : callable
            The work, called with its progress.
        folder : TemporaryDirectory, optional
            Input files; removed when the work has ended.
        name : str
            What is worked on, for the screen.

        Raises
        ------
        LockError
            Another job is running.
        """
        with self._lock:
            if self.job is not None and self.job.running:
                raise LockError(f"Another {self._kind} is running.", "Wait until it has ended, or cancel it.")
            self.job = Job(work, folder, name, self._kind)
            return self.job

    def clear(self) -> None:
        """Remove a job that has ended."""
        with self._lock:
            if self.job is not None and not self.job.running:
                self.job = None
