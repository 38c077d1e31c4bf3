"""The HTML report as a task of an engine."""

from __future__ import annotations

from typing import Any, ClassVar

from smart_retail.progress import Progress
from smart_retail.protocol import LocalEngine, Task
from smart_retail.results import Result


class ReportPage(Result, frozen=True):
    """The report."""

    html: str
    """One self-contained HTML page."""


class ReportTask(Task[ReportPage], frozen=True):
    """The report as one HTML page; see `html_report`."""

    name: ClassVar[str] = "report"
    result: ClassVar[type[Any]] = ReportPage

    def compute(self, engine: LocalEngine, progress: Progress) -> ReportPage:
        """Return the page."""
        from smart_retail.reporting.html_report import report_html

        return ReportPage(str(report_html(engine, progress)))  # a plain text, which JSON can hold
