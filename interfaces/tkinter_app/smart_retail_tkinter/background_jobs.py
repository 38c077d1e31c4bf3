"""Background jobs: functions run in worker threads, their results are delivered in the thread that polls.

Each lane has one thread and delivers only its newest job: while the user goes on typing, results for the
earlier text are dropped, and a job that has not started is never run.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smart_retail.errors import RetailError

log = logging.getLogger(__name__)

Failed = Callable[[RetailError], None]


@dataclass(frozen=True, slots=True)
class _Job:
    """A function to run; `ticket` numbers the jobs of a lane."""

    lane: _Lane
    ticket: int
    work: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Failed


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The result or the error of a job."""

    job: _Job
    value: Any
    error: RetailError | None


class Jobs:
    """Runs functions in daemon threads, one per lane.

    Call `submit` and `poll` in the thread of the window; callbacks run inside `poll`.
    """

    def __init__(self) -> None:
        self._outcomes: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        self._lanes: dict[str, _Lane] = {}

    def submit(self, lane: str, work: Callable[[], Any], done: Callable[[Any], None], failed: Failed) -> None:
        """Run `work()` in the thread of a lane, then `done(value)` or `failed(error)` in `poll`.

        A later job of the same lane replaces this one, even if it is running or finished.

        Parameters
        ----------
        lane : str
            Name of the lane.
        work : callable
            The function to run in the worker thread.
        done : callable
            Receives the returned value.
        failed : callable
            Receives the error.
        """
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(lane, self._outcomes)
        lane_thread = self._lanes[lane]
        lane_thread.newest += 1
        lane_thread.todo.put(_Job(lane_thread, lane_thread.newest, work, done, failed))

    def is_running(self, except_for: str = "") -> bool:
        """Return whether a result is pending in any lane other than `except_for`."""
        return any(lane.newest != lane.delivered for name, lane in self._lanes.items() if name != except_for)

    def poll(self, budget: float = 0.03) -> None:
        """Deliver finished results; none is started after `budget` seconds."""
        end = time.monotonic() + budget
        while time.monotonic() < end:
            try:
                outcome = self._outcomes.get_nowait()
            except queue.Empty:
                return
            job = outcome.job
            if job.ticket != job.lane.newest:
                continue
            job.lane.delivered = job.ticket
            if outcome.error is not None:
                job.failed(outcome.error)
            else:
                job.done(outcome.value)

    def close(self) -> None:
        """End every thread after its current job."""
        for lane in self._lanes.values():
            lane.newest += 1
            lane.todo.put(None)
        self._lanes.clear()


class _Lane(threading.Thread):
    """The thread of a lane; `newest` and `delivered` are tickets."""

    def __init__(self, name: str, outcomes: queue.SimpleQueue[_Outcome]) -> None:
        super().__init__(name=f"smart-retail-{name}", daemon=True)
        self.todo: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.newest = 0
        self.delivered = 0
        self._outcomes = outcomes
        self.start()

    def run(self) -> None:
        while (job := self.todo.get()) is not None:
            if job.ticket == self.newest:
                self._outcomes.put(_run(job))


def _run(job: _Job) -> _Outcome:
    try:
        return _Outcome(job, job.work(), None)
    except RetailError as error:
        return _Outcome(job, None, error)
    except Exception:
        log.exception("A job of %s failed", job.lane.name)
        return _Outcome(job, None, unexpected_error())


def unexpected_error() -> RetailError:
    """Return the message shown for a bug; the traceback goes to the log."""
    return RetailError(
        "An unexpected error occurred.", "Nothing was published. Try again; if it happens again, please report it."
    )
