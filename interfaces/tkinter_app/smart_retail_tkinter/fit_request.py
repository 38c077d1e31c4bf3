"""A fit seen from outside: what goes in, how far it is, how long it will take, and that it shall stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from smart_retail.errors import CancelledError
from smart_retail.results import CleaningReport
from smart_retail_tkinter.formatting import seconds_left

EARLY = 0.03
"""Below this share the time left would be a guess."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What is in a source before anything is fitted."""

    columns: tuple[tuple[str, str], ...]
    """Canonical name and the source's own header; no name where nothing is read from a column."""
    cleaning: CleaningReport


@dataclass(frozen=True, slots=True)
class FitState:
    """A moment of a running fit."""

    stage: str
    done: float
    """Finished share of the whole, 0 to 1."""
    seconds_left: float | None
    cancelling: bool
    messages: tuple[str, ...]

    @property
    def line(self) -> str:
        """``fitting: clusters, 40 s left``."""
        if self.cancelling:
            return "cancelling: nothing will be published"
        left = seconds_left(self.seconds_left)
        return f"fitting: {self.stage}{', ' + left if left else ''}"


class FitProgress:
    """A `smart_retail.progress.Progress` that the fitting thread writes and the window reads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._stage = "starting"
        self._done = 0.0
        self._at = self._start
        self._messages: tuple[str, ...] = ()
        self._cancelled = threading.Event()

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
            raise CancelledError("The fit was cancelled; nothing was published.", "Start it again when you like.")

    def cancel(self) -> None:
        """Ask the fit to stop at its next check."""
        self._cancelled.set()

    def state(self) -> FitState:
        """Where the fit is now. The estimate is linear in the finished share and counts down in between."""
        left = None
        if EARLY <= self._done < 1.0:
            needed = (self._at - self._start) / self._done * (1.0 - self._done)
            left = max(needed - (self._clock() - self._at), 1.0)
        return FitState(self._stage, self._done, left, self._cancelled.is_set(), self._messages)
