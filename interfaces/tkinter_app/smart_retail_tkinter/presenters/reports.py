"""Reports: results as sentences with tables, and the HTML report as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from smart_retail_tkinter import analyses
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.reports import REPORTS, ReportResult

LANE, FILE_LANE = "report", "report-file"


class ReportsView(Protocol):
    """Methods of the page that the presenter calls."""

    def show_report(self, name: str, result: ReportResult) -> None: ...
    def show_written(self, path: Path) -> None: ...


class ReportsPresenter:
    """The selected report.

    Parameters
    ----------
    view : ReportsView
    shell : Presenter
        Has the engine and runs the work.
    """

    def __init__(self, view: ReportsView, shell: Presenter) -> None:
        self._view, self._shell = view, shell

    def default_option(self, name: str) -> str:
        """Return the value of the option that is chosen first."""
        report, model = REPORTS[name], self._shell.model
        if report.default or not report.option or model is None:
            return report.default
        from smart_retail.analysis.segment_migration import default_comparison_date

        return str(default_comparison_date(model.first, model.last))

    def show(self, name: str, option: str) -> None:
        """Compute a report and show it; it replaces a short one that is still being computed."""
        report, engine, currency = REPORTS[name], self._shell.open_engine(), self._shell.currency

        def computed(result: ReportResult) -> None:
            self._view.show_report(name, result)

        if report.long:
            self._shell.work.start(LANE, lambda progress: report.compute(engine, option, currency, progress), computed)
            return
        from smart_retail.progress import SILENT

        self._shell.submit("report-short", lambda: report.compute(engine, option, currency, SILENT), computed)

    def write(self, path: str) -> None:
        """Write the HTML report to a file and show it."""
        engine = self._shell.open_engine()
        self._shell.work.start(
            FILE_LANE, lambda progress: analyses.write_report(engine, path, progress), self._view.show_written
        )

    def file_name(self) -> str:
        """Return a suggested name for the HTML report, without ending."""
        model = self._shell.model
        return f"report-{model.last}" if model is not None else "report"
