"""Long work of the pages: at most one piece in each lane, with progress and cancellation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from smart_retail.errors import CancelledError, RetailError, UsageError
from smart_retail.progress import Progress
from smart_retail_tkinter.background_jobs import Jobs
from smart_retail_tkinter.work_progress import WorkProgress, WorkState

T = TypeVar("T")


class LongWork:
    """Starts work in lanes of `jobs`, and says how far it is.

    Parameters
    ----------
    jobs : Jobs
        Runs the work.
    show_status : callable
        Receives a short message, such as that the work was cancelled.
    show_error : callable
        Receives the error of failed work.
    """

    def __init__(
        self, jobs: Jobs, show_status: Callable[[str], object], show_error: Callable[[RetailError], object]
    ) -> None:
        self._jobs, self._show_status, self._show_error = jobs, show_status, show_error
        self._running: dict[str, WorkProgress] = {}

    def start(self, lane: str, work: Callable[[Progress], T], done: Callable[[T], object]) -> None:
        """Run `work(progress)` in a worker thread, then `done(result)` in the thread that polls.

        Raises
        ------
        UsageError
            Work of this lane is running.
        """
        if lane in self._running:
            raise UsageError("The last step is still running.", "Wait for it to finish, or cancel it.")
        progress = self._running[lane] = WorkProgress()

        def finished(result: T) -> None:
            del self._running[lane]
            done(result)

        def failed(error: RetailError) -> None:
            del self._running[lane]
            if isinstance(error, CancelledError):
                self._show_status(error.message)
            else:
                self._show_error(error)

        self._jobs.submit(lane, lambda: work(progress), finished, failed)

    def state(self, lane: str) -> WorkState | None:
        """Return the progress of a lane, None if nothing is running in it."""
        progress = self._running.get(lane)
        return progress.state() if progress is not None else None

    def cancel(self, lane: str) -> bool:
        """Cancel the work of a lane; return False if nothing is running in it."""
        progress = self._running.get(lane)
        if progress is not None:
            progress.cancel()
        return progress is not None

    def cancel_all(self) -> bool:
        """Cancel the work of all lanes; return False if nothing is running."""
        for progress in self._running.values():
            progress.cancel()
        return bool(self._running)
