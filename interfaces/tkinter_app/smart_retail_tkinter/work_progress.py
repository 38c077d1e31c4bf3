"""Progress of long work: the worker thread updates it, the window reads it and can cancel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from smart_retail.errors import CancelledError
from smart_retail_tkinter.formatting import seconds_left

MIN_SHARE = 0.03
"""Finished share below which an estimate of the remaining time would be a guess."""
FIT_CANCELLED = CancelledError("The fit was cancelled; nothing was published.", "You can start it again at any time.")
WORK_CANCELLED = CancelledError("Cancelled.", "You can start it again at any time.")


@dataclass(frozen=True, slots=True)
class WorkState:
    """Progress of running work."""

    stage: str
    done: float
    """Finished share of the whole, 0 to 1."""
    seconds_left: float | None
    cancelling: bool
    messages: tuple[str, ...]

    @property
    def line(self) -> str:
        """``Step 3 of 6: grouping customers, about 40 s left``."""
        if self.cancelling:
            return self.stage
        left = seconds_left(self.seconds_left)
        return f"{self.stage}{', ' + left if left else ''}"


class WorkProgress:
    """A `smart_retail.progress.Progress` that the working thread updates and the window reads.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    cancelling : str
        Text while the work is being cancelled.
    cancelled : CancelledError
        Ends the work when it was cancelled.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        cancelling: str = "Cancelling",
        cancelled: CancelledError = WORK_CANCELLED,
    ) -> None:
        self._clock = clock
        self._start = clock()
        self._stage = "Starting"
        self._done = 0.0
        self._at = self._start
        self._messages: tuple[str, ...] = ()
        self._cancelling, self._error = cancelling, cancelled
        self._cancelled = threading.Event()

    @classmethod
    def of_fit(cls, clock: Callable[[], float] = time.monotonic) -> WorkProgress:
        """Return the progress of a fit, which publishes nothing if it is cancelled."""
        return cls(clock, cancelling="Cancelling; nothing will be published", cancelled=FIT_CANCELLED)

    def stage(self, name: str, done: float) -> None:
        self._stage = name
        self.update(done)

    def update(self, done: float) -> None:
        self._at = self._clock()
        self._done = min(max(self._done, done), 1.0)

    def message(self, text: str) -> None:
        self._messages = (*self._messages, text)

    def check(self) -> None:
        if self._cancelled.is_set():
            raise CancelledError(self._error.message, self._error.hint)

    def cancel(self) -> None:
        """Stop the work at its next check."""
        self._cancelled.set()

    def state(self) -> WorkState:
        """Return the current progress; the remaining time is linear in the finished share and counts down."""
        left = None
        if MIN_SHARE <= self._done < 1.0:
            needed = (self._at - self._start) / self._done * (1.0 - self._done)
            left = max(needed - (self._clock() - self._at), 1.0)
        cancelling = self._cancelled.is_set()
        return WorkState(self._cancelling if cancelling else self._stage, self._done, left, cancelling, self._messages)
