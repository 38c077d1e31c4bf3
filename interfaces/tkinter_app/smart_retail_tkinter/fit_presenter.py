"""From a spreadsheet to a fitted bundle, without tk: first look at it, then fit, at any time cancel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec import structs

from smart_retail.errors import CancelledError, RetailError, UsageError
from smart_retail.results import FitReport
from smart_retail.settings import Settings
from smart_retail_tkinter.background_jobs import Jobs
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.fit_request import FitProgress, FitState, Preview


@dataclass(frozen=True, slots=True)
class Request:
    """What shall be fitted."""

    sources: tuple[str, ...]
    returns: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    """Canonical name and header, where the recognition shall be overruled."""
    returns_policy: str = "net"

    def options(self) -> dict[str, object]:
        """The keyword arguments that looking and fitting have in common; settings as for every other front end."""
        settings = Settings.load()
        return {
            "returns": self.returns,
            "mapping": dict(self.mapping) or None,
            "settings": structs.replace(
                settings, data=structs.replace(settings.data, returns_policy=self.returns_policy)
            ),
        }


def parse_mapping(text: str) -> tuple[tuple[str, str], ...]:
    """``customer_id=Client, item_id=SKU`` as pairs; `UsageError` where an equals sign is missing."""
    pairs = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, header = (piece.strip() for piece in part.partition("="))
        if not (name and equals and header):
            raise UsageError(f"{part!r} names no column.", "Write field=Column, such as customer_id=Client.")
        pairs.append((name, header))
    return tuple(pairs)


class FitView(Protocol):
    """What is told of looking and fitting, always in the thread that polls."""

    def show_preview(self, preview: Preview) -> None: ...
    def show_fitted(self, report: FitReport) -> None: ...
    def show_fit_error(self, error: RetailError) -> None: ...


class FitPresenter:
    """Looks at sources and fits them in the lanes ``inspect`` and ``fit`` of `jobs`.

    Parameters
    ----------
    view : FitView
        Usually the dialog; replaced by `attach`.
    on_published : callable
        Is handed the artifacts folder when a new bundle stands there.
    """

    def __init__(self, services: Services, jobs: Jobs, on_published: Callable[[str], None]) -> None:
        self.view: FitView | None = None
        self._services, self._jobs, self._on_published = services, jobs, on_published
        self._progress: FitProgress | None = None
        self._looking = FitProgress()

    @property
    def running(self) -> bool:
        return self._progress is not None

    def state(self) -> FitState | None:
        """A moment of the running fit, None when none runs."""
        return self._progress.state() if self._progress is not None else None

    def inspect(self, request: Request, view: FitView) -> None:
        """Read the sources and show what they hold; nothing is fitted. An earlier look is given up."""
        self.view = view
        self._looking.cancel()
        progress = self._looking = FitProgress()
        self._jobs.submit(
            "inspect",
            lambda: self._services.inspect(request.sources, progress=progress, **request.options()),
            lambda preview: self._tell(lambda there: there.show_preview(preview)),
            self._failed,
        )

    def start(self, request: Request, artifacts: str, *, force: bool = False) -> None:
        """Fit in a worker thread and publish into the folder `artifacts`."""
        if self.running:
            raise UsageError("A fit is already running.", "Wait for it or cancel it.")
        progress = self._progress = FitProgress()

        def fitted(report: FitReport) -> None:
            self._progress = None
            self._tell(lambda there: there.show_fitted(report))
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
        """Ask a running fit to stop; False when none runs."""
        if self._progress is None:
            return False
        self._progress.cancel()
        return True

    def _failed(self, error: RetailError) -> None:
        self._tell(lambda there: there.show_fit_error(error))

    def _tell(self, how: Callable[[FitView], None]) -> None:
        if self.view is not None:
            how(self.view)


def is_cancelled(error: RetailError) -> bool:
    """Whether a person wanted it so: worth a line, not a message box."""
    return isinstance(error, CancelledError)
