"""Inspecting and fitting order files, independent of tk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from smart_retail.errors import CancelledError, RetailError, UsageError
from smart_retail.results import FitReport
from smart_retail_tkinter.background_jobs import Jobs
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.fit_request import FitRequest, Preview
from smart_retail_tkinter.work_progress import WorkProgress, WorkState


class FitView(Protocol):
    """Receives previews, results and errors, always in the thread that polls."""

    def show_preview(self, preview: Preview) -> None: ...
    def show_fitted(self, report: FitReport) -> None: ...
    def show_fit_error(self, error: RetailError) -> None: ...


class FitPresenter:
    """Inspects and fits order files in the lanes ``inspect`` and ``fit`` of `jobs`.

    Parameters
    ----------
    services : Services
        Functions of the core.
    jobs : Jobs
        Runs the work.
    on_published : callable
        Receives the artifacts folder when a new version was published.
    """

    def __init__(self, services: Services, jobs: Jobs, on_published: Callable[[str], None]) -> None:
        self.view: FitView | None = None
        self._services, self._jobs, self._on_published = services, jobs, on_published
        self._progress: WorkProgress | None = None
        self._inspection = WorkProgress.of_fit()

    @property
    def running(self) -> bool:
        """Whether a fit is running."""
        return self._progress is not None

    def state(self) -> WorkState | None:
        """Return the progress of the running fit, None if none is running."""
        return self._progress.state() if self._progress is not None else None

    def inspect(self, request: FitRequest, view: FitView) -> None:
        """Read the files and show a preview; replaces an earlier inspection."""
        self.view = view
        self._inspection.cancel()
        progress = self._inspection = WorkProgress.of_fit()
        self._jobs.submit(
            "inspect",
            lambda: self._services.inspect(request.sources, progress=progress, **request.options()),
            lambda preview: self._notify(lambda view: view.show_preview(preview)),
            self._failed,
        )

    def start(self, request: FitRequest, artifacts: str, *, force: bool = False) -> None:
        """Fit in a worker thread and publish to the folder `artifacts`."""
        if self.running:
            raise UsageError("A fit is already running.", "Wait for it to finish, or cancel it.")
        progress = self._progress = WorkProgress.of_fit()

        def fitted(report: FitReport) -> None:
            self._progress = None
            self._notify(lambda view: view.show_fitted(report))
            if report.published:
                self._on_published(artifacts)

        def failed(error: RetailError) -> None:
            self._progress = None
            self._failed(error)

        def work() -> FitReport:
            return self._services.fit(
                *request.sources, artifacts=artifacts, force=force, progress=progress, **request.options()
            )

        self._jobs.submit("fit", work, fitted, failed)

    def cancel(self) -> bool:
        """Cancel the running fit; return False if none is running."""
        if self._progress is None:
            return False
        self._progress.cancel()
        return True

    def _failed(self, error: RetailError) -> None:
        self._notify(lambda view: view.show_fit_error(error))

    def _notify(self, call: Callable[[FitView], None]) -> None:
        if self.view is not None:
            call(self.view)


def is_cancelled(error: RetailError) -> bool:
    """Return whether the user cancelled, which needs no message box."""
    return isinstance(error, CancelledError)
