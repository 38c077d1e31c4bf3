"""Progress reporting and cancellation of long operations, independent of the front end.

Core functions report to a `Progress`; a front end passes its own (a bar, a queue, a widget). The default ignores
everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future


class Progress(Protocol):
    """Receiver of progress reports. The methods are called from the threads that do the work."""

    def stage(self, name: str, done: float) -> None:
        """Begin a stage: its text for people and the finished share of the whole operation, 0 to 1."""

    def update(self, done: float) -> None:
        """Set the finished share of the whole operation, 0 to 1."""

    def message(self, text: str) -> None:
        """Report a detail, such as a decision of model selection with its figures; shown on request only."""

    def check(self) -> None:
        """Raise `CancelledError` when the user cancelled; called often."""


class Silent:
    """Ignores all reports and never cancels."""

    def stage(self, name: str, done: float) -> None:
        pass

    def update(self, done: float) -> None:
        pass

    def message(self, text: str) -> None:
        pass

    def check(self) -> None:
        pass


SILENT: Progress = Silent()


class WatchingProgress:
    """Passes reports on, and ends the work at the next check when a background job has failed.

    Parameters
    ----------
    receiver : Progress
    """

    def __init__(self, receiver: Progress) -> None:
        self._receiver = receiver
        self._jobs: list[Future[Any]] = []

    def watch(self, job: Future[Any]) -> None:
        """Raise the error of a job, if it has one, at the next call of `check`."""
        self._jobs.append(job)

    def stage(self, name: str, done: float) -> None:
        self._receiver.stage(name, done)

    def update(self, done: float) -> None:
        self._receiver.update(done)

    def message(self, text: str) -> None:
        self._receiver.message(text)

    def check(self) -> None:
        for job in self._jobs:
            if job.done():
                job.result()
        self._receiver.check()
