"""The main window: draws what the presenter says, hands on what a person does.

Nothing here waits: engine calls and fits run in workers, whose answers `after` fetches.
"""

from __future__ import annotations

import logging
import tkinter as tk
from tkinter import ttk
from types import TracebackType

from smart_retail.errors import RetailError, UsageError
from smart_retail.results import CustomerMatch, CustomerProfile, GridCell, ModelInfo, RecommendationList, Segment
from smart_retail_tkinter import formatting, keyboard_shortcuts, theme
from smart_retail_tkinter.background_jobs import unexpected
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.dialogs.file_dialogs import NativeQuestions, Questions
from smart_retail_tkinter.dialogs.fit import FitWindow
from smart_retail_tkinter.dialogs.similar import SimilarWindow
from smart_retail_tkinter.fit_presenter import FitPresenter
from smart_retail_tkinter.menu import MenuBar
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.recent_files import Memory
from smart_retail_tkinter.widgets.customer_view import CustomerView
from smart_retail_tkinter.widgets.customers import CustomerList
from smart_retail_tkinter.widgets.start_page import StartPage
from smart_retail_tkinter.widgets.status import StatusBar

log = logging.getLogger(__name__)

POLL = 15
"""Milliseconds between two looks at the workers."""


class App:
    """One window over one engine.

    Parameters
    ----------
    root : tkinter.Tk
    services : Services
        The doors to the core.
    memory : Memory
        Recent files and theme.
    questions : Questions, optional
        Dialogs; the platform's own by default.
    artifacts : str
        Where a fit publishes unless a person says otherwise.
    """

    def __init__(
        self,
        root: tk.Tk,
        services: Services,
        memory: Memory,
        questions: Questions | None = None,
        artifacts: str = "artifacts",
    ) -> None:
        self.root = root
        self.alive = True
        self._telling: set[str] = set()
        self.artifacts = artifacts
        self.questions = questions if questions is not None else NativeQuestions(root)
        self.presenter = Presenter(self, services, memory)
        self.fits = FitPresenter(services, self.presenter.jobs, self._published)
        self.similar: SimilarWindow | None = None
        self.fit_window: FitWindow | None = None
        root.report_callback_exception = self._callback_failed
        root.title("Smart Retail Engine")
        scale = theme.scaling(root)
        root.geometry(f"{round(1200 * scale)}x{round(780 * scale)}")
        root.minsize(round(900 * scale), round(560 * scale))
        theme.apply(root, memory.theme)
        self.menu = MenuBar(self)
        self._build()
        keyboard_shortcuts.bind(self)
        root.protocol("WM_DELETE_WINDOW", self.quit)
        self._polling = root.after(POLL, self._poll)

    def _build(self) -> None:
        frame = ttk.Frame(self.root, padding=(14, 10, 14, 10))
        frame.pack(fill="both", expand=True)
        top = ttk.Frame(frame)
        top.pack(fill="x", pady=(0, 10))
        buttons = (
            ("Open bundle", self.ask_bundle, "TButton"),
            ("Open spreadsheet", self.ask_spreadsheet, "TButton"),
            ("Fit", self.open_fit, "Accent.TButton"),
        )
        for text, command, style in buttons:
            ttk.Button(top, text=text, command=command, style=style).pack(side="left", padx=(0, 8))
        self.model_line = ttk.Label(top, style="Muted.TLabel")
        self.model_line.pack(side="right")
        self.status = StatusBar(frame, self.cancel_fit, self.ask_export)
        self.status.pack(side="bottom", fill="x", pady=(10, 0))
        self.start = StartPage(frame, self.ask_bundle, self.ask_spreadsheet)
        self.start.pack(fill="both", expand=True)
        self.work = ttk.PanedWindow(frame, orient="horizontal")
        self.customers = CustomerList(self.work, self.presenter.search, self.presenter.choose_customer)
        self.customer = CustomerView(self.work, self.presenter)
        self.work.add(self.customers, weight=0)
        self.work.add(self.customer, weight=1)

    # What a person does ------------------------------------------------------------------------

    def ask_bundle(self) -> None:
        folder = self.questions.folder("Open a bundle")
        if folder:
            self.presenter.open_bundle(folder)

    def ask_spreadsheet(self) -> None:
        if self._may_fit():
            sources = self.questions.sources("Open tables of orders")
            if sources:
                self.open_fit(sources)

    def open_fit(self, sources: tuple[str, ...] = ()) -> None:
        """The fit window, in front, with these files where some are given."""
        if not self._may_fit():
            return
        if self.fit_window is None or not self.fit_window.winfo_exists():
            folder = self.presenter.folder or self.artifacts
            self.fit_window = FitWindow(self.root, self.fits, self.questions, folder, self._looked)
        self.fit_window.lift()
        self.fit_window.first.focus_set()
        self.fit_window.open(sources)

    def ask_export(self, ending: str) -> None:
        name, table = self.customer.table()
        if not table.rows:
            raise UsageError("There is nothing to export.", "Choose a customer first.")
        path = self.questions.save("Export the table", self.presenter.file_name(name), ending)
        if path:
            self.presenter.export(table, path)

    def cancel_fit(self) -> None:
        self.fits.cancel()

    def set_theme(self, name: str) -> None:
        theme.apply(self.root, name)
        self.presenter.memory.set_theme(name)

    def quit(self) -> None:
        """Stop the workers and close; a running fit is cancelled and publishes nothing."""
        self.alive = False
        self.fits.cancel()
        self.root.after_cancel(self._polling)
        self.presenter.jobs.close()
        self.root.destroy()

    def _may_fit(self) -> bool:
        try:
            self.presenter.check_local()
        except RetailError as error:
            self.show_error(error)
            return False
        return True

    # What the presenter says -------------------------------------------------------------------

    def show_model(self, model: ModelInfo, categories: list[str]) -> None:
        if not self.work.winfo_manager():
            self.start.pack_forget()
            self.work.pack(fill="both", expand=True)
            self.customers.focus_search()
        self.model_line.configure(text=formatting.describe_model(model))
        self.customer.methods.show(categories, self.presenter.category, self.presenter.exclude_purchased)
        self.menu.refresh()

    def show_matches(self, matches: list[CustomerMatch], more: bool) -> None:
        self.customers.fill(matches, more)

    def show_profile(self, profile: CustomerProfile) -> None:
        model = self.presenter.model
        self.customer.show_profile(profile, model.currency if model else "")

    def show_list(self, answer: RecommendationList) -> None:
        self.customer.show_list(answer)

    def show_groups(self, cells: list[GridCell], segments: list[Segment]) -> None:
        self.customer.show_groups(cells, segments)

    def show_similar(self, title: str, answer: RecommendationList) -> None:
        if self.similar is None or not self.similar.winfo_exists():
            self.similar = SimilarWindow(self.root, self.presenter.similar)
        self.similar.show(title, answer)

    def show_status(self, text: str) -> None:
        self.status.say(text)

    def show_error(self, error: RetailError) -> None:
        # Several lanes may fail for one reason; while it stands on the screen it is not said again.
        if error.message not in self._telling:
            self._telling.add(error.message)
            try:
                self.questions.error(error)
            finally:
                self._telling.discard(error.message)

    def _looked(self, path: str) -> None:
        self.presenter.memory.add("spreadsheet", path)
        self.menu.refresh()

    def _published(self, folder: str) -> None:
        self.presenter.open_bundle(folder)

    def _poll(self) -> None:
        self._polling = self.root.after(POLL, self._poll)
        self.presenter.poll()
        self.status.fit.show(self.fits.state())
        if self.fits.running and self.fit_window is not None and self.fit_window.winfo_exists():
            self.fit_window.show_state()

    def _callback_failed(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, RetailError):
            self.show_error(error)
            return
        log.error("A callback of the window failed", exc_info=(kind, error, trace))
        self.show_error(unexpected())
