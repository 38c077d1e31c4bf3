"""Page of the reports: a list of them on the left, the selected one with its option on the right."""

from __future__ import annotations

import tkinter as tk
import webbrowser
from collections.abc import Callable
from pathlib import Path
from tkinter import ttk

from smart_retail_tkinter import theme
from smart_retail_tkinter.chart_models import Chart
from smart_retail_tkinter.dialogs.file_dialogs import Dialogs
from smart_retail_tkinter.pages.base import Page, add_text, chosen_value, step_notebook
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.presenters.reports import FILE_LANE, LANE, ReportsPresenter
from smart_retail_tkinter.reports import REPORTS, ReportResult, titles
from smart_retail_tkinter.table_models import Column, Table
from smart_retail_tkinter.widgets.chart import ChartView
from smart_retail_tkinter.widgets.table import DataTable

HTML = "html"
HTML_TITLE = "HTML report"
HTML_ABOUT = (
    "One page with charts and tables: data, sales, customers, segments, clusters, products and methods. It opens "
    "without a network and prints well."
)
EMPTY = Table((Column("nothing", "", 100),))


class ReportsPage(Page):
    """The reports; a short one is shown as soon as it is selected, a long one on request.

    Parameters
    ----------
    on_customer : callable
        Receives the id of a customer to show.
    open_file : callable
        Shows a file in the browser.
    """

    def __init__(
        self,
        master: tk.Misc,
        shell: Presenter,
        dialogs: Dialogs,
        *,
        on_customer: Callable[[str], object],
        open_file: Callable[[str], object] = webbrowser.open,
    ) -> None:
        super().__init__(master, shell, dialogs)
        self.presenter = ReportsPresenter(self, shell)
        self._open_file = open_file
        self._model = ""
        self.name = next(iter(REPORTS))
        self._build_list()
        right = ttk.Frame(self, padding=(14, 0, 0, 0))
        right.pack(side="left", fill="both", expand=True)
        self.title = ttk.Label(right, style="Title.TLabel")
        self.title.pack(fill="x")
        self.about = add_text(right, "Muted.TLabel")
        self.about.pack(fill="x", pady=(2, 8))
        self._build_controls(right)
        self.sentence = add_text(right)
        self.sentence.pack(fill="x", pady=(0, 6))
        self.note = add_text(right, "Small.TLabel")
        self.note.pack(side="bottom", fill="x", pady=(6, 0))
        self.tabs = ttk.Notebook(right)
        self.tabs.pack(fill="both", expand=True)
        self.chart = ChartView(self.tabs)
        self.result = DataTable(self.tabs, EMPTY, on_open=lambda row: on_customer(row.key) if row.key else None)
        self.tabs.add(self.chart, text="Chart")
        self.tabs.add(self.result, text="Table")
        self.list.selection_set(self.name)

    def _build_list(self) -> None:
        self.list = ttk.Treeview(self, show="tree", selectmode="browse", columns=("title",))
        self.list.column("#0", width=0, minwidth=0, stretch=False)
        self.list.column("title", width=round(190 * theme.scaling(self)))
        self.list.pack(side="left", fill="y")
        for name, title in (*titles(), (HTML, HTML_TITLE)):
            self.list.insert("", "end", iid=name, values=(title,))
        self.list.bind("<<TreeviewSelect>>", lambda _: self._select())

    def _build_controls(self, master: ttk.Frame) -> None:
        line = ttk.Frame(master)
        line.pack(fill="x", pady=(0, 10))
        self.option_label = ttk.Label(line)
        self.choice = ttk.Combobox(line, state="readonly", width=12)
        self.choice.bind("<<ComboboxSelected>>", lambda _: self._option_chosen())
        self.day = tk.StringVar(self)
        self.day_entry = ttk.Entry(line, textvariable=self.day, width=12)
        self.day_entry.bind("<Return>", lambda _: self.run())
        self.button = ttk.Button(line, command=self.run, style="Accent.TButton")
        self.bar = self.add_work_bar(line, LANE, self.button)
        self.file_bar = self.add_work_bar(line, FILE_LANE, self.button)

    # User input ------------------------------------------------------------------------------

    def _select(self) -> None:
        for name in self.list.selection():
            self.name = name
            self._show_controls()
            self._clear()
            if name != HTML and not REPORTS[name].long:
                self.run()

    def _show_controls(self) -> None:
        """Show title, option and button of the selected report."""
        for widget in (self.option_label, self.choice, self.day_entry, self.button, self.bar, self.file_bar):
            widget.pack_forget()
        if self.name == HTML:
            self.title.configure(text=HTML_TITLE)
            self.about.configure(text=HTML_ABOUT)
            self.button.configure(text="Save and open…")
        else:
            report = REPORTS[self.name]
            self.title.configure(text=report.title)
            self.about.configure(text=report.about)
            self.button.configure(text="Compute")
            default = self.presenter.default_option(self.name)
            if report.option:
                self.option_label.configure(text=report.option)
                self.option_label.pack(side="left", padx=(0, 8))
                (self.choice if report.choices else self.day_entry).pack(side="left", padx=(0, 12))
            self.choice.configure(values=tuple(report.choices))
            self.choice.set(next((label for label, value in report.choices.items() if value == default), ""))
            if report.option and not report.choices:
                self.day.set(default)
        if self.name == HTML or REPORTS[self.name].long:
            self.button.pack(side="left", padx=(0, 12))
        (self.file_bar if self.name == HTML else self.bar).pack(side="left")

    def _option_chosen(self) -> None:
        if not REPORTS[self.name].long:
            self.run()

    def run(self) -> None:
        """Compute the selected report, or ask for the path of the HTML report."""
        if self._shell.engine is None:
            return
        if self.name == HTML:
            path = self._dialogs.choose_save_path("Save the report", self.presenter.file_name(), "html")
            if path:
                self.presenter.write(path)
            return
        report = REPORTS[self.name]
        option = chosen_value(self.choice, report.choices) if report.choices else self.day.get().strip()
        self.presenter.show(self.name, option)

    def select_report(self, name: str) -> None:
        """Select a report by its name."""
        self.list.selection_set(name)

    def step_tab(self, step: int) -> None:
        if self.chart.chart is not None:
            step_notebook(self.tabs, step)

    # Calls of the window and the presenter -------------------------------------------------------

    def refresh(self) -> None:
        model = self._shell.model
        if model is not None and model.version != self._model:
            self._model = model.version
            self._select()

    def _clear(self) -> None:
        self.sentence.configure(text="")
        self.note.configure(text="Press Compute." if self.name != HTML and REPORTS[self.name].long else "")
        self.result.fill(EMPTY)
        self._show_chart(None)

    def _show_chart(self, chart: Chart | None) -> None:
        """Show a chart before the table, or the table alone."""
        self.chart.show(chart)
        if chart is None:
            self.tabs.hide(self.chart)
            self.tabs.select(self.result)  # type: ignore[no-untyped-call]
        elif str(self.tabs.tab(self.chart, "state")) == "hidden":  # type: ignore[no-untyped-call]
            self.tabs.tab(self.chart, state="normal")  # type: ignore[no-untyped-call]
            self.tabs.select(self.chart)  # type: ignore[no-untyped-call]

    def show_report(self, name: str, result: ReportResult) -> None:
        """Show a result, unless another report was selected in the meantime."""
        if name != self.name:
            return
        self.sentence.configure(text=result.sentence)
        hint = " Enter or double click: show a customer." if any(row.key for row in result.table.rows) else ""
        self.note.configure(text=f"{result.note}{hint}".strip())
        self.result.fill(result.table)
        self._show_chart(result.chart)

    def show_written(self, path: Path) -> None:
        """Show where the HTML report is, and open it."""
        self.sentence.configure(text=f"Saved to {path}")
        self._open_file(path.absolute().as_uri())

    def table(self) -> tuple[str, Table]:
        return self.name, self.result.displayed()
