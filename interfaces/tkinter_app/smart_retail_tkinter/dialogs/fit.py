"""The fit window: preview of order files, then the fit with its progress."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from pathlib import Path
from tkinter import ttk

from smart_retail.errors import ColumnError, QualityGateError, RetailError
from smart_retail.presentation import labels
from smart_retail.results import CleaningReport, FitReport
from smart_retail.settings import Settings
from smart_retail_tkinter import formatting, table_models
from smart_retail_tkinter.dialogs.base import SideWindow
from smart_retail_tkinter.dialogs.file_dialogs import Dialogs
from smart_retail_tkinter.fit_presenter import FitPresenter, is_cancelled
from smart_retail_tkinter.fit_request import FitRequest, Preview
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.status import WorkBar
from smart_retail_tkinter.widgets.table import DataTable

NO_CHOICE = "Choose the column of a field if it was not recognised, or recognised wrongly"
AUTOMATIC = "automatic"
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
        super().__init__(root, "Fit", 1080, 700)
        self._presenter, self._dialogs, self._on_inspected = presenter, dialogs, on_inspected
        self._sources: tuple[str, ...] = ()
        self._ready = False
        self._headers: list[str] = []
        self.source, self.returns, self.catalogue = (tk.StringVar(self) for _ in range(3))
        self.chosen: dict[str, str] = {}
        """Columns chosen by the user: field -> header."""
        self._preview = Preview((), None)
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
            ("Catalogue", self.catalogue, ("Choose…", self._choose_catalogue)),
            ("Publish to", self.artifacts, ("Choose…", self._choose_folder)),
        )
        # Rows 3 and 4 are the choice of columns.
        for row, (label, variable, (text, command)) in zip((0, 1, 2, 6), lines, strict=True):
            ttk.Label(form, text=label).grid(row=row, column=0, sticky="w", padx=(0, 12), pady=3)
            entry = ttk.Entry(form, textvariable=variable)
            entry.grid(row=row, column=1, sticky="ew", pady=3)
            ttk.Button(form, text=text, command=command, width=11).grid(row=row, column=2, padx=(10, 0), pady=3)
            if variable is not self.artifacts:
                entry.bind("<Return>", lambda _: self.inspect())
            if row == 0:
                self.first = entry
        self._build_column_choice(form)
        ttk.Label(form, text="Returns").grid(row=5, column=0, sticky="w", padx=(0, 12), pady=3)
        box = ttk.Combobox(form, textvariable=self.policy, values=tuple(POLICIES.values()), state="readonly", width=30)
        box.grid(row=5, column=1, sticky="w", pady=3)
        box.bind("<<ComboboxSelected>>", lambda _: self.inspect())

    def _build_column_choice(self, form: ttk.Frame) -> None:
        """Two drop-downs: a field, and the columns of the files with sample values."""
        ttk.Label(form, text="Columns").grid(row=3, column=0, sticky="w", padx=(0, 12), pady=3)
        pair = ttk.Frame(form)
        pair.grid(row=3, column=1, sticky="ew", pady=3)
        pair.columnconfigure(1, weight=1)
        names = tuple(labels.FIELD_NAMES.values())
        self.field_box = ttk.Combobox(pair, values=names, state="readonly", width=22)
        self.field_box.set(names[0])
        self.field_box.grid(row=0, column=0, padx=(0, 8))
        self.field_box.bind("<<ComboboxSelected>>", lambda _: self._list_columns())
        self.column_box = ttk.Combobox(pair, state="readonly")
        self.column_box.grid(row=0, column=1, sticky="ew")
        self.column_box.bind("<<ComboboxSelected>>", lambda _: self._choose_column())
        ttk.Button(form, text="Preview", command=self.inspect, width=11).grid(row=3, column=2, padx=(10, 0), pady=3)
        self.choices = ttk.Label(form, style="Small.TLabel", text=NO_CHOICE)
        self.choices.grid(row=4, column=1, sticky="w", pady=(0, 3))

    def _build_preview(self) -> None:
        self.headline = ttk.Label(self.body, style="Strong.TLabel", text="Choose a file of orders.")
        self.headline.pack(fill="x", pady=(12, 0))
        self.notes = ttk.Label(self.body, style="Muted.TLabel", justify="left")
        self.notes.pack(fill="x", pady=(2, 8))
        self.notes.bind("<Configure>", lambda event: self.notes.configure(wraplength=event.width))
        pair = ttk.Frame(self.body)
        pair.pack(fill="both", expand=True)
        pair.columnconfigure((0, 1), weight=1, uniform="half")
        pair.rowconfigure((0, 1), weight=1)
        self.fields = DataTable(pair, Table(table_models.FIELDS), height=9)
        self.fields.grid(row=0, column=0, rowspan=2, sticky="nsew", padx=(0, 12))
        self.cleaning = DataTable(pair, Table(table_models.CLEANING), height=4)
        self.cleaning.grid(row=0, column=1, sticky="nsew", pady=(0, 8))
        self.months = DataTable(pair, Table(table_models.MONTHS), height=4)
        self.months.grid(row=1, column=1, sticky="nsew")

    def _build_foot(self) -> None:
        foot = ttk.Frame(self.body)
        foot.pack(side="bottom", fill="x", pady=(12, 0))
        ttk.Button(foot, text="Close", command=self.close).pack(side="right", padx=(8, 0))
        self.start = ttk.Button(foot, text="Fit", style="Accent.TButton", command=self.fit, state="disabled", width=10)
        self.start.pack(side="right")
        self.bar = WorkBar(foot, self._presenter.cancel)
        self.bar.pack(side="left")

    # User input ------------------------------------------------------------------------------

    def choose_sources(self) -> None:
        """Ask for order files and show a preview."""
        self.open(self._dialogs.choose_sources("Open order files"))

    def open(self, sources: Sequence[str]) -> None:
        """Show a preview of these files."""
        if sources:
            self.chosen.clear()
            self.source.set("; ".join(sources))
            self.inspect()

    def _choose_returns(self) -> None:
        chosen = self._dialogs.choose_sources("Open a table of returned orders")
        if chosen:
            self.returns.set(chosen[0])
            self.inspect()

    def _choose_catalogue(self) -> None:
        chosen = self._dialogs.choose_sources("Open a catalogue of products")
        if chosen:
            self.catalogue.set(chosen[0])
            self.inspect()

    def _choose_folder(self) -> None:
        folder = self._dialogs.choose_folder("Publish the bundle to a folder")
        if folder:
            self.artifacts.set(folder)

    def request(self) -> FitRequest:
        """Return the values of the form."""
        sources = tuple(path for path in (part.strip() for part in self.source.get().split(";")) if path)
        policy = next(key for key, text in POLICIES.items() if text == self.policy.get())
        returns, catalogue = self.returns.get().strip() or None, self.catalogue.get().strip() or None
        return FitRequest(sources, returns, tuple(self.chosen.items()), policy, catalogue)

    def _selected_field(self) -> str:
        return next(field for field, name in labels.FIELD_NAMES.items() if name == self.field_box.get())

    def _list_columns(self) -> None:
        """Fill the second drop-down with the columns of the files, candidates of the selected field first."""
        field = self._selected_field()
        sources = self._preview.sources
        candidates = [
            c for source in sources for column in source.open if column.field == field for c in column.candidates
        ]
        choices = [c for source in sources for c in source.choices]
        recognised = next((f.header for source in sources for f in source.fields if f.field == field), "")
        self._headers = [AUTOMATIC, *dict.fromkeys(choice.header for choice in (*candidates, *choices))]
        samples = {choice.header: choice.samples for choice in reversed(choices)}
        texts = [labels.describe_column(header, samples.get(header, ())) for header in self._headers[1:]]
        self.column_box.configure(values=(AUTOMATIC, *texts))
        header = self.chosen.get(field, recognised)
        self.column_box.set(texts[self._headers.index(header) - 1] if header in self._headers[1:] else "")

    def _choose_column(self) -> None:
        """Use the selected column for the selected field, and show the preview again."""
        header = self._headers[self.column_box.current()]
        if header == AUTOMATIC:
            self.chosen.pop(self._selected_field(), None)
        else:
            self.chosen[self._selected_field()] = header
        self.inspect()

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
        report = self._show_report(preview)
        self._ready = report is not None
        self.fields.fill(table_models.field_table(preview.sources))
        open_fields = [column.field for source in preview.sources for column in source.open]
        if open_fields and open_fields[0] in labels.FIELD_NAMES:
            self.field_box.set(labels.FIELD_NAMES[open_fields[0]])
        self._list_columns()
        names = (f"{labels.FIELD_NAMES.get(field, field)}: {header}" for field, header in self.chosen.items())
        self.choices.configure(text=f"Chosen: {'; '.join(names)}" if self.chosen else NO_CHOICE)
        self._on_inspected(self.request().sources[0])
        self.show_state()

    def _show_report(self, preview: Preview) -> CleaningReport | None:
        """Show cleaning report and months, or why columns must be chosen first."""
        self._preview, report = preview, preview.cleaning
        if report is None:
            self.headline.configure(text=preview.problem)
            self.notes.configure(text=labels.SCREEN_HINTS["column"], style="Warning.TLabel")
            return None
        self.headline.configure(text=formatting.cleaning_line(report))
        self.notes.configure(text="  ".join(report.notes), style="Muted.TLabel")
        self.cleaning.fill(table_models.cleaning_table(report))
        self.months.fill(table_models.month_table(preview.months))
        return report

    def show_fitted(self, report: FitReport) -> None:
        """Show the result of a fit."""
        name = Path(self.artifacts.get()).name
        self.headline.configure(text=f"Published {report.version} to {name}" if report.published else "Not published")
        self.notes.configure(text="  ".join(report.notes), style="Muted.TLabel")
        self.show_state()

    def show_fit_error(self, error: RetailError) -> None:
        """Show an error in the window; also as a message box unless it is about columns or a cancellation."""
        self.headline.configure(text=error.message)
        self.notes.configure(text=labels.screen_hint(error.code, error.hint), style="Warning.TLabel")
        self.show_state()
        if isinstance(error, QualityGateError):
            if self._dialogs.confirm("Publish anyway?", f"{error.message} Publish it anyway?"):
                self.fit(force=True)
        elif not isinstance(error, ColumnError) and not is_cancelled(error):
            self._dialogs.show_error(error)
