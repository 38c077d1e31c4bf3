"""Work outside the window: callables go in, their outcomes come back in the thread that polls.

Each lane has one thread and remembers its newest job only: when a person types on, the answer to
what they typed before is dropped, and a job that has not begun is never run.
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
    lane: _Lane
    ticket: int
    work: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Failed


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job
    value: Any
    error: RetailError | None


class Jobs:
    """Runs work in daemon threads, one for each lane.

    `submit` and `poll` belong to the thread of the window; callbacks run inside `poll`.
    """

    def __init__(self) -> None:
        self._outcomes: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        self._lanes: dict[str, _Lane] = {}

    def submit(self, lane: str, work: Callable[[], Any], done: Callable[[Any], None], failed: Failed) -> None:
        """Run `work()` in the lane's thread; then `done(value)` or `failed(error)` in `poll`.

        A later job of the same lane takes the place of this one, whatever it has come to.
        """
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(lane, self._outcomes)
        there = self._lanes[lane]
        there.newest += 1
        there.todo.put(_Job(there, there.newest, work, done, failed))

    def busy(self, besides: str = "") -> bool:
        """Whether an answer is still to come, in another lane than `besides`."""
        return any(lane.newest != lane.delivered for name, lane in self._lanes.items() if name != besides)

    def poll(self, budget: float = 0.03) -> None:
        """Hand over finished outcomes, starting none after `budget` seconds."""
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
        """Let every thread end after the job it is at."""
        for lane in self._lanes.values():
            lane.newest += 1
            lane.todo.put(None)
        self._lanes.clear()


class _Lane(threading.Thread):
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
        log.exception("A job of %s ended unexpectedly", job.lane.name)
        return _Outcome(job, None, unexpected())


def unexpected() -> RetailError:
    """What a person reads about a bug: no traceback, that goes to the log."""
    return RetailError(
        "Something inside the program went wrong.", "Nothing was published. Try again; if it stays, report it."
    )
