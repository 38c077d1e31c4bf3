"""Request, preview and progress of a fit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import structs

from smart_retail.errors import CancelledError
from smart_retail.results import CleaningReport, MonthTotals
from smart_retail.settings import Settings
from smart_retail_tkinter.formatting import seconds_left

if TYPE_CHECKING:  # only a fit loads the modules of data
    from smart_retail.data.dry_run import SourceColumns

MIN_SHARE = 0.03
"""Finished share below which an estimate of the remaining time would be a guess."""


@dataclass(frozen=True, slots=True)
class FitRequest:
    """The form of the fit window."""

    sources: tuple[str, ...]
    returns: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    """Pairs of field and column that override the recognition."""
    returns_policy: str = "net"
    catalogue: str | None = None
    """Table of the products that the shop sells."""

    def options(self) -> dict[str, object]:
        """Return the keyword arguments shared by inspecting and fitting; settings as for every front end."""
        settings = Settings.load()
        return {
            "returns": self.returns,
            "catalogue": self.catalogue,
            "mapping": dict(self.mapping) or None,
            "settings": structs.replace(
                settings, data=structs.replace(settings.data, returns_policy=self.returns_policy)
            ),
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """The import report of order files, before a fit."""

    sources: tuple[SourceColumns, ...]
    """Recognised, open and unused columns of each file."""
    cleaning: CleaningReport | None
    """None while columns must be chosen."""
    months: tuple[MonthTotals, ...] = ()
    problem: str = ""
    """Why there is no cleaning report yet."""


@dataclass(frozen=True, slots=True)
class FitState:
    """Progress of a running fit."""

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
            return "Cancelling; nothing will be published"
        left = seconds_left(self.seconds_left)
        return f"{self.stage}{', ' + left if left else ''}"


class FitProgress:
    """A `smart_retail.progress.Progress` that the fitting thread updates and the window reads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._stage = "Starting"
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
            raise CancelledError("The fit was cancelled; nothing was published.", "You can start it again at any time.")

    def cancel(self) -> None:
        """Stop the fit at its next check."""
        self._cancelled.set()

    def state(self) -> FitState:
        """Return the current progress; the remaining time is linear in the finished share and counts down."""
        left = None
        if MIN_SHARE <= self._done < 1.0:
            needed = (self._at - self._start) / self._done * (1.0 - self._done)
            left = max(needed - (self._clock() - self._at), 1.0)
        return FitState(self._stage, self._done, left, self._cancelled.is_set(), self._messages)
