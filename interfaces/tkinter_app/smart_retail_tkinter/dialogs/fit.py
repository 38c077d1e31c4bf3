"""The fit window: preview of order files, then the fit with its progress."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from pathlib import Path
from tkinter import ttk

from smart_retail.errors import ColumnError, QualityGateError, RetailError
from smart_retail.results import FitReport
from smart_retail.settings import Settings
from smart_retail_tkinter import formatting, table_models
from smart_retail_tkinter.dialogs.base import SideWindow
from smart_retail_tkinter.dialogs.file_dialogs import Dialogs
from smart_retail_tkinter.fit_presenter import FitPresenter, is_cancelled
from smart_retail_tkinter.fit_request import FitRequest, Preview, parse_mapping
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.status import FitBar
from smart_retail_tkinter.widgets.table import DataTable

POLICIES = {
    "net": "leave returned items out",
    "keep": "ignore returns",
}


class FitWindow(SideWindow):
    """Shows a preview of the chosen files immediately; fits on request.

    Closing the window does not stop a running fit; the main window shows its progress.

    Parameters
    ----------
    on_inspected : callable
        Receives the first path of files that could be read.
    """

    def __init__(
        self,
        root: tk.Misc,
        presenter: FitPresenter,
        dialogs: Dialogs,
        artifacts: str,
        on_inspected: Callable[[str], object],
    ) -> None:
        super().__init__(root, "Fit", 1010, 640)
        self._presenter, self._dialogs, self._on_inspected = presenter, dialogs, on_inspected
        self._sources: tuple[str, ...] = ()
        self._ready = False
        self.source, self.returns, self.mapping = tk.StringVar(self), tk.StringVar(self), tk.StringVar(self)
        self.artifacts = tk.StringVar(self, artifacts)
        self.policy = tk.StringVar(self, POLICIES[Settings.load().data.returns_policy])
        self._build_form()
        self._build_foot()
        self._build_preview()

    def _build_form(self) -> None:
        form = ttk.Frame(self.body)
        form.pack(fill="x")
        form.columnconfigure(1, weight=1)
        lines = (
            ("Orders", self.source, ("Choose…", self.choose_sources)),
            ("Returns table", self.returns, ("Choose…", self._choose_returns)),
            ("Columns", self.mapping, ("Preview", self.inspect)),
            ("Publish to", self.artifacts, ("Choose…", self._choose_folder)),
        )
        # Row 3 is the hint for the row above.
        for row, (label, variable, (text, command)) in zip((0, 1, 2, 5), lines, strict=True):
            ttk.Label(form, text=label).grid(row=row, column=0, sticky="w", padx=(0, 12), pady=3)
            entry = ttk.Entry(form, textvariable=variable)
            entry.grid(row=row, column=1, sticky="ew", pady=3)
            ttk.Button(form, text=text, command=command, width=11).grid(row=row, column=2, padx=(10, 0), pady=3)
            if variable is not self.artifacts:
                entry.bind("<Return>", lambda _: self.inspect())
            if row == 0:
                self.first = entry
        hint = "Only for columns that were not recognised, such as customer_id=Client, item_id=SKU"
        ttk.Label(form, text=hint, style="Small.TLabel").grid(row=3, column=1, sticky="w", pady=(0, 3))
        ttk.Label(form, text="Returns").grid(row=4, column=0, sticky="w", padx=(0, 12), pady=3)
        box = ttk.Combobox(form, textvariable=self.policy, values=tuple(POLICIES.values()), state="readonly", width=30)
        box.grid(row=4, column=1, sticky="w", pady=3)
        box.bind("<<ComboboxSelected>>", lambda _: self.inspect())

    def _build_preview(self) -> None:
        self.headline = ttk.Label(self.body, style="Strong.TLabel", text="Choose a file of orders.")
        self.headline.pack(fill="x", pady=(12, 0))
        self.notes = ttk.Label(self.body, style="Muted.TLabel", justify="left")
        self.notes.pack(fill="x", pady=(2, 8))
        self.notes.bind("<Configure>", lambda event: self.notes.configure(wraplength=event.width))
        pair = ttk.Frame(self.body)
        pair.pack(fill="both", expand=True)
        pair.columnconfigure(0, weight=2)
        pair.columnconfigure(1, weight=3)
        pair.rowconfigure(0, weight=1)
        self.fields = DataTable(pair, Table(table_models.FIELDS), height=7)
        self.fields.grid(row=0, column=0, sticky="nsew", padx=(0, 12))
        self.cleaning = DataTable(pair, Table(table_models.CLEANING), height=7)
        self.cleaning.grid(row=0, column=1, sticky="nsew")

    def _build_foot(self) -> None:
        foot = ttk.Frame(self.body)
        foot.pack(side="bottom", fill="x", pady=(12, 0))
        ttk.Button(foot, text="Close", command=self.close).pack(side="right", padx=(8, 0))
        self.start = ttk.Button(foot, text="Fit", style="Accent.TButton", command=self.fit, state="disabled", width=10)
        self.start.pack(side="right")
        self.bar = FitBar(foot, self._presenter.cancel)
        self.bar.pack(side="left")

    # User input ------------------------------------------------------------------------------

    def choose_sources(self) -> None:
        """Ask for order files and show a preview."""
        self.open(self._dialogs.choose_sources("Open order files"))

    def open(self, sources: Sequence[str]) -> None:
        """Show a preview of these files."""
        if sources:
            self.source.set("; ".join(sources))
            self.inspect()

    def _choose_returns(self) -> None:
        chosen = self._dialogs.choose_sources("Open a table of returned orders")
        if chosen:
            self.returns.set(chosen[0])
            self.inspect()

    def _choose_folder(self) -> None:
        folder = self._dialogs.choose_folder("Publish the bundle to a folder")
        if folder:
            self.artifacts.set(folder)

    def request(self) -> FitRequest:
        """Return the values of the form."""
        sources = tuple(path for path in (part.strip() for part in self.source.get().split(";")) if path)
        policy = next(key for key, text in POLICIES.items() if text == self.policy.get())
        return FitRequest(sources, self.returns.get().strip() or None, parse_mapping(self.mapping.get()), policy)

    def inspect(self) -> None:
        """Read the files and show a preview."""
        request = self.request()
        if request.sources and not self._presenter.running:
            self._ready = False
            self.headline.configure(text="Reading…")
            self.notes.configure(text="", style="Muted.TLabel")
            self._presenter.inspect(request, self)
        self.show_state()

    def fit(self, *, force: bool = False) -> None:
        """Start the fit."""
        self._presenter.start(self.request(), self.artifacts.get().strip() or "artifacts", force=force)
        self.show_state()

    def escape(self) -> None:
        """Cancel a running fit, otherwise close the window."""
        if not self._presenter.cancel():
            self.close()

    def close(self) -> None:
        """Close the window; a running fit goes on."""
        self._presenter.view = None
        self.destroy()

    # Display ---------------------------------------------------------------------------------

    def show_state(self) -> None:
        """Update progress bar and buttons; the main window calls this while a fit runs."""
        state = self._presenter.state()
        self.bar.show(state)
        self.start.state(["!disabled" if self._ready and state is None else "disabled"])

    def show_preview(self, preview: Preview) -> None:
        """Show columns and cleaning report of the files."""
        report = preview.cleaning
        self._ready = True
        self.headline.configure(text=formatting.cleaning_line(report))
        self.notes.configure(text="  ".join(report.notes), style="Muted.TLabel")
        self.fields.fill(table_models.field_table(preview.columns))
        self.cleaning.fill(table_models.cleaning_table(report))
        self._on_inspected(self.request().sources[0])
        self.show_state()

    def show_fitted(self, report: FitReport) -> None:
        """Show the result of a fit."""
        name = Path(self.artifacts.get()).name
        self.headline.configure(text=f"Published {report.version} to {name}" if report.published else "Not published")
        self.notes.configure(text="  ".join(report.notes), style="Muted.TLabel")
        self.show_state()

    def show_fit_error(self, error: RetailError) -> None:
        """Show an error in the window; also as a message box unless it is about columns or a cancellation."""
        self.headline.configure(text=error.message)
        self.notes.configure(text=error.hint, style="Warning.TLabel")
        self.show_state()
        if isinstance(error, QualityGateError):
            if self._dialogs.confirm("Publish anyway?", f"{error.message} Publish it anyway?"):
                self.fit(force=True)
        elif not isinstance(error, ColumnError) and not is_cancelled(error):
            self._dialogs.show_error(error)
