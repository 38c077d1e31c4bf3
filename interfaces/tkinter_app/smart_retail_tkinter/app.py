"""The main window: shows what the presenter provides and passes user input on to it.

Nothing here blocks: engine calls and fits run in worker threads, whose results a timer fetches.
"""

from __future__ import annotations

import logging
import tkinter as tk
from pathlib import Path
from tkinter import ttk
from types import TracebackType

from smart_retail.bundle.versions import VersionInfo
from smart_retail.errors import RetailError, UsageError
from smart_retail.protocol import CustomerFilter
from smart_retail.results import (
    Cluster,
    CustomerMatch,
    CustomerProfile,
    CustomerValue,
    GridCell,
    Item,
    ModelInfo,
    RecommendationList,
    SalesComparison,
    Segment,
)
from smart_retail_tkinter import formatting, theme
from smart_retail_tkinter.background_jobs import unexpected_error
from smart_retail_tkinter.commands import Commands
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.dialogs.basket import BasketWindow
from smart_retail_tkinter.dialogs.file_dialogs import Dialogs, NativeDialogs
from smart_retail_tkinter.dialogs.fit import FitWindow
from smart_retail_tkinter.dialogs.help import HelpWindow
from smart_retail_tkinter.dialogs.similar import SimilarWindow
from smart_retail_tkinter.dialogs.versions import VersionsWindow
from smart_retail_tkinter.fit_presenter import FitPresenter
from smart_retail_tkinter.keyboard_shortcuts import bind_shortcuts
from smart_retail_tkinter.menu import MenuBar
from smart_retail_tkinter.pages.base import CAMPAIGN, EXPLORE, PAGES, PRODUCTS, Page
from smart_retail_tkinter.pages.campaign import CampaignPage
from smart_retail_tkinter.pages.customers import CustomersPage
from smart_retail_tkinter.pages.products import ProductsPage
from smart_retail_tkinter.pages.reports import ReportsPage
from smart_retail_tkinter.pages.rules import RulesPage
from smart_retail_tkinter.presenter import FILES, Presenter
from smart_retail_tkinter.recent_files import Preferences, RecentFile
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.customer_view import CustomerView
from smart_retail_tkinter.widgets.customers import CustomerList
from smart_retail_tkinter.widgets.detail_pane import ShortenedLabel
from smart_retail_tkinter.widgets.start_page import StartPage
from smart_retail_tkinter.widgets.status import StatusBar

log = logging.getLogger(__name__)

POLL_INTERVAL_MS = 15
"""Milliseconds between two checks for results of the worker threads."""


class App:
    """The main window, which shows one engine.

    Parameters
    ----------
    root : tkinter.Tk
    services : Services
        Functions of the core.
    preferences : Preferences
        Recent files and theme.
    dialogs : Dialogs, optional
        Dialogs; those of the platform by default.
    artifacts : str
        Folder that a fit publishes to unless the user chooses another.
    """

    def __init__(
        self,
        root: tk.Tk,
        services: Services,
        preferences: Preferences,
        dialogs: Dialogs | None = None,
        artifacts: str = "artifacts",
    ) -> None:
        self.root = root
        self.alive = True
        self._visible_errors: set[str] = set()
        self.artifacts = artifacts
        self.dialogs = dialogs if dialogs is not None else NativeDialogs(root)
        self.presenter = Presenter(self, services, preferences)
        self.fits = FitPresenter(services, self.presenter.jobs, self._on_published)
        self.similar: SimilarWindow | None = None
        self.basket: BasketWindow | None = None
        self.fit_window: FitWindow | None = None
        self.versions: VersionsWindow | None = None
        root.report_callback_exception = self._callback_failed
        root.title("Smart Retail Engine")
        scale = theme.scaling(root)
        root.geometry(f"{round(1200 * scale)}x{round(780 * scale)}")
        root.minsize(round(900 * scale), round(560 * scale))
        theme.apply(root, preferences.theme)
        commands = self._commands()
        self.menu = MenuBar(root, commands, preferences.theme)
        self._build()
        self._show_recent()
        bind_shortcuts(root, commands)
        root.protocol("WM_DELETE_WINDOW", self.quit)
        self._polling = root.after(POLL_INTERVAL_MS, self._poll)

    def _commands(self) -> Commands:
        return Commands(
            open_bundle=self.choose_bundle,
            open_spreadsheet=self.choose_spreadsheet,
            open_recent=self.open_recent,
            open_fit=self.open_fit,
            cancel_work=self.cancel_work,
            show_versions=self.presenter.show_versions,
            show_basket=self.presenter.show_basket,
            export_table=self.export_table,
            copy_table=self.copy_table,
            focus_search=self.focus_search,
            choose_method=self._choose_method,
            select_tab=self._select_tab,
            step_tab=self._step_tab,
            select_page=self.select_page,
            step_page=lambda step: self.select_page((self.current_page() + step) % len(PAGES)),
            write_all=self.write_all,
            erase_customer=self.erase_customer,
            set_theme=self.set_theme,
            show_help=lambda: HelpWindow(self.root),
            quit=self.quit,
        )

    def _build(self) -> None:
        frame = ttk.Frame(self.root, padding=(14, 10, 14, 10))
        frame.pack(fill="both", expand=True)
        top = ttk.Frame(frame)
        top.pack(fill="x", pady=(0, 10))
        buttons = (
            ("Open bundle", self.choose_bundle, "TButton"),
            ("Open spreadsheet", self.choose_spreadsheet, "TButton"),
            ("Fit", self.open_fit, "Accent.TButton"),
        )
        for text, command, style in buttons:
            ttk.Button(top, text=text, command=command, style=style).pack(side="left", padx=(0, 8))
        self.model_line = ShortenedLabel(top, style="Muted.TLabel", anchor="e", font_name="SunValleyBodyFont")
        self.model_line.pack(side="right", fill="x", expand=True)
        self.status = StatusBar(frame, self.cancel_status_work, self.export_table)
        self.status.pack(side="bottom", fill="x", pady=(10, 0))
        self.start = StartPage(frame, self.choose_bundle, self.choose_spreadsheet)
        self.start.pack(fill="both", expand=True)
        self.notebook = ttk.Notebook(frame)
        self._build_explore()
        self._build_pages()
        self.notebook.bind("<<NotebookTabChanged>>", lambda _: self._refresh_page())

    def _build_explore(self) -> None:
        """Add the page that shows one customer, and segments, clusters and sales of the shop."""
        page = ttk.Frame(self.notebook, padding=(6, 6, 6, 0))
        self.notebook.add(page, text=PAGES[EXPLORE])
        self.work = ttk.PanedWindow(page, orient="horizontal")
        self.work.pack(fill="both", expand=True)
        self.customers = CustomerList(self.work, self.presenter.search, self.presenter.choose_customer)
        self.customer = CustomerView(self.work, self.presenter)
        self.work.add(self.customers, weight=0)
        self.work.add(self.customer, weight=1)

    def _build_pages(self) -> None:
        """Add the other pages, in the order of `PAGES`."""
        parts = (self.notebook, self.presenter, self.dialogs)
        self.customers_page = CustomersPage(*parts, on_open=self.open_customer, on_campaign=self.open_campaign)
        self.products_page = ProductsPage(*parts, on_related=self.presenter.similar, on_customer=self.open_customer)
        self.campaign_page = CampaignPage(*parts)
        self.reports_page = ReportsPage(*parts, on_customer=self.open_customer)
        self.rules_page = RulesPage(*parts)
        self.pages: tuple[Page, ...] = (
            self.customers_page,
            self.products_page,
            self.campaign_page,
            self.reports_page,
            self.rules_page,
        )
        for title, page in zip(PAGES[EXPLORE + 1 :], self.pages, strict=True):
            self.notebook.add(page, text=title)

    # Pages -----------------------------------------------------------------------------------

    def current_page(self) -> int:
        """Return the index of the visible page."""
        return int(self.notebook.index("current"))  # type: ignore[no-untyped-call]

    def select_page(self, index: int) -> None:
        """Show a page by its index in `pages.base`."""
        if self.presenter.model is not None:
            self.notebook.select(index)  # type: ignore[no-untyped-call]
            self.notebook.focus_set()

    def _visible_page(self) -> Page | None:
        """Return the visible page, None for the page Explore."""
        index = self.current_page()
        return None if index == EXPLORE else self.pages[index - 1]

    def _refresh_page(self) -> None:
        page = self._visible_page()
        if page is not None:
            page.refresh()

    def focus_search(self) -> None:
        """Move the focus to the search field of the page Explore."""
        self.select_page(EXPLORE)
        self.customers.focus_search()

    def open_customer(self, customer_id: str) -> None:
        """Show a customer on the page Explore."""
        self.select_page(EXPLORE)
        self.presenter.choose_customer(customer_id)

    def open_campaign(self, selected: CustomerFilter) -> None:
        """Show the page Campaign for the customers of a filter."""
        self.select_page(CAMPAIGN)
        self.campaign_page.choose_customers(selected)

    def open_product(self, item_id: str, name: str) -> None:
        """Show the page Products for a product."""
        self.select_page(PRODUCTS)
        self.products_page.select_product(item_id, name)
        self.root.lift()

    def _choose_method(self, method: str) -> None:
        self.select_page(EXPLORE)
        self.customer.choose_method(method)

    def _select_tab(self, tab: int) -> None:
        self.select_page(EXPLORE)
        self.customer.select_tab(tab)

    def _step_tab(self, step: int) -> None:
        page = self._visible_page()
        (self.customer if page is None else page).step_tab(step)

    # User input ------------------------------------------------------------------------------

    def choose_bundle(self) -> None:
        """Ask for a folder and open its bundle."""
        folder = self.dialogs.choose_folder("Open a bundle")
        if folder:
            self.presenter.open_bundle(folder)

    def choose_spreadsheet(self) -> None:
        """Ask for order files and show them in the fit window."""
        if self._may_fit():
            sources = self.dialogs.choose_sources("Open order files")
            if sources:
                self.open_fit(sources)

    def open_fit(self, sources: tuple[str, ...] = ()) -> None:
        """Show the fit window in front, with these files if given."""
        if not self._may_fit():
            return
        if self.fit_window is None or not self.fit_window.winfo_exists():
            folder = self.presenter.folder or self.artifacts
            self.fit_window = FitWindow(self.root, self.fits, self.dialogs, folder, self._on_inspected)
        self.fit_window.lift()
        self.fit_window.first.focus_set()
        self.fit_window.open(sources)

    def open_recent(self, file: RecentFile) -> None:
        """Open a recent file; one that no longer exists is removed from the list."""
        if not Path(file.path).exists():
            self.presenter.preferences.remove(file)
            self._show_recent()
            raise UsageError(f"{file.path} does not exist any more.", "Open it from its new location.")
        if file.kind == "bundle":
            self.presenter.open_bundle(file.path)
        else:
            self.open_fit((file.path,))

    def export_table(self, ending: str) -> None:
        """Ask for a file name and write the visible table, as ``csv`` or ``xlsx``."""
        page = self._visible_page()
        name, table = self._visible_table()
        if not table.rows:
            raise UsageError("There is nothing to export.", "Choose a customer first." if page is None else "")
        name = self.presenter.file_name(name) if page is None else name
        path = self.dialogs.choose_save_path("Export the table", name, ending)
        if path and page is None:
            self.presenter.export(table, path)
        elif path and page is not None:
            page.export(path)

    def _visible_table(self) -> tuple[str, Table]:
        page = self._visible_page()
        return self.customer.table() if page is None else page.table()

    def copy_table(self) -> None:
        """Copy the visible table to the clipboard."""
        table = self._visible_table()[1]
        self.root.clipboard_clear()
        self.root.clipboard_append(table.text())
        self.show_status(f"Copied {formatting.pluralize(len(table.rows), 'row')}")

    def write_all(self, what: str) -> None:
        """Ask for a file name and write the ``recommendations`` or ``values`` of all customers."""
        path = self.dialogs.choose_save_path(f"Write the {what} of all customers", what, "csv")
        if path:
            self.presenter.write_all(what, path)

    def erase_customer(self) -> None:
        """Ask for confirmation and erase the selected customer."""
        self.presenter.check_local("Erasing a customer", "erase the customer")
        customer = self.presenter.customer_id
        if customer is None:
            raise UsageError("No customer is selected.", "Select the customer to erase on the page Explore.")
        if self.dialogs.confirm(
            f"Erase customer {customer}?",
            f"All purchases, events and files of customer {customer} are removed from this folder, and later fits "
            "leave the customer out. Older versions are deleted. This cannot be undone.",
        ):
            self.presenter.erase(customer)

    def cancel_work(self) -> None:
        """Cancel a running fit, otherwise the work of all pages."""
        if not self.fits.cancel():
            self.presenter.work.cancel_all()

    def cancel_status_work(self) -> None:
        """Cancel what the status bar shows: a running fit, otherwise the writing of a file."""
        if not self.fits.cancel():
            self.presenter.work.cancel(FILES)

    def set_theme(self, name: str) -> None:
        """Apply and save a theme."""
        theme.apply(self.root, name)
        self.presenter.preferences.set_theme(name)

    def quit(self) -> None:
        """Stop the worker threads and close; a running fit is cancelled and publishes nothing."""
        self.alive = False
        self.fits.cancel()
        self.presenter.work.cancel_all()
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

    # Calls of the presenter ------------------------------------------------------------------

    def show_model(self, model: ModelInfo, categories: list[str]) -> None:
        """Show the version of a bundle, and the work area instead of the start page."""
        if not self.notebook.winfo_manager():
            self.start.pack_forget()
            self.notebook.pack(fill="both", expand=True)
            self.customers.focus_search()
        self.model_line.set_text(formatting.describe_model(model))
        self.customers_page.show_categories(categories)
        chosen, names = self.presenter, [scenario.name for scenario in model.scenarios]
        self.customer.methods.show(
            categories, chosen.category, chosen.exclude_purchased, names, chosen.more_filters.scenario
        )
        self._show_recent()

    def show_matches(self, matches: list[CustomerMatch], more: bool) -> None:
        """Show the customers that a search found."""
        self.customers.fill(matches, more)

    def show_profile(self, profile: CustomerProfile) -> None:
        """Show the profile of a customer."""
        model = self.presenter.model
        self.customer.show_profile(profile, model.currency if model else "")

    def show_value(self, value: CustomerValue) -> None:
        """Show the forecast of a customer."""
        model = self.presenter.model
        self.customer.show_value(value, model.currency if model else "")

    def clear_customer(self) -> None:
        """Show that no customer is selected."""
        self.customer.clear()

    def show_list(self, recommendations: RecommendationList) -> None:
        """Show the recommendations for a customer."""
        self.customer.show_list(recommendations)

    def show_groups(self, cells: list[GridCell], segments: list[Segment], clusters: list[Cluster]) -> None:
        """Show the RFM grid, the segments and the clusters."""
        self.customer.show_groups(cells, segments, clusters)
        self.customers_page.show_groups(segments, clusters)
        self.campaign_page.show_segments(segments)
        self._refresh_page()

    def show_sales(self, sales: SalesComparison) -> None:
        """Show the sales of a period."""
        model = self.presenter.model
        self.customer.show_sales(sales, model.currency if model else "")

    def show_similar(self, item: tuple[str, str], together: RecommendationList, same: RecommendationList) -> None:
        """Show the products related to an item in their window."""
        if self.similar is None or not self.similar.winfo_exists():
            self.similar = SimilarWindow(
                self.root, self.presenter.similar, self.presenter.add_to_basket, self.open_product
            )
        self.similar.show(item, together, same)

    def show_item_matches(self, items: list[Item]) -> None:
        """Show the products found for the basket."""
        if self.basket is not None and self.basket.winfo_exists():
            self.basket.show_matches(items)

    def show_basket(self, basket: dict[str, str], customer: str, found: RecommendationList | None) -> None:
        """Show the basket and what completes it in their window."""
        if self.basket is None or not self.basket.winfo_exists():
            self.basket = BasketWindow(self.root, self.presenter)
            self.presenter.search_items("")
        self.basket.show(basket, customer, found)
        self.basket.lift()

    def show_versions(self, versions: list[VersionInfo]) -> None:
        """Show the fitted versions in their window."""
        if self.versions is None or not self.versions.winfo_exists():
            self.versions = VersionsWindow(self.root, self.presenter.activate)
        self.versions.show(versions)
        self.versions.lift()

    def show_erased(self, text: str) -> None:
        """Show the receipt of an erasure."""
        self.dialogs.show_message("The customer is erased", text)

    def show_status(self, text: str) -> None:
        """Show a message in the status bar."""
        self.status.show_text(text)

    def show_error(self, error: RetailError) -> None:
        """Show an error in a dialog."""
        # Several jobs may fail for one reason, which is shown only once at a time.
        if error.message not in self._visible_errors:
            self._visible_errors.add(error.message)
            try:
                self.dialogs.show_error(error)
            finally:
                self._visible_errors.discard(error.message)

    def _on_inspected(self, path: str) -> None:
        self.presenter.preferences.add("spreadsheet", path)
        self._show_recent()

    def _on_published(self, folder: str) -> None:
        self.presenter.open_bundle(folder)

    def _show_recent(self) -> None:
        self.menu.show_recent(self.presenter.preferences.files)

    def _poll(self) -> None:
        self._polling = self.root.after(POLL_INTERVAL_MS, self._poll)
        self.presenter.poll()
        self.status.fit.show(self.fits.state() or self.presenter.work.state(FILES))
        for page in self.pages:
            page.show_state()
        if self.fits.running and self.fit_window is not None and self.fit_window.winfo_exists():
            self.fit_window.show_state()

    def _callback_failed(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, RetailError):
            self.show_error(error)
            return
        log.error("A callback of the window failed", exc_info=(kind, error, trace))
        self.show_error(unexpected_error())
