"""State and logic of the main window, independent of tk.

The view calls the methods here in its thread, and `poll` every few milliseconds. Engine calls run in worker
threads; their results are passed to the view inside `poll`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from smart_retail.bundle.versions import VersionInfo
from smart_retail.errors import FormatVersionError, MissingBundleError, NeedsLocalEngineError, RetailError, UsageError
from smart_retail.presentation.sales_texts import last_days
from smart_retail.protocol import (
    ALL,
    BOUGHT_TOGETHER,
    DEFAULT_METHOD,
    DEFAULT_SALES_DAYS,
    SAME_CUSTOMERS,
    RetailEngine,
    check_method,
    is_local,
)
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
from smart_retail_tkinter import analyses, formatting, table_models
from smart_retail_tkinter.background_jobs import Jobs
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.list_filters import MoreFilters
from smart_retail_tkinter.long_work import LongWork
from smart_retail_tkinter.recent_files import Preferences
from smart_retail_tkinter.table_models import Table

MAX_MATCHES = 200
"""Customers listed for one search."""
SIMILAR_ITEMS = 20
MAX_ITEM_MATCHES = 50
"""Products listed for one search."""
FILES = "files"
"""Lane of the files of all customers."""


class View(Protocol):
    """Methods of a window that the presenter calls."""

    def show_model(self, model: ModelInfo, categories: list[str]) -> None: ...
    def show_matches(self, matches: list[CustomerMatch], more: bool) -> None: ...
    def show_profile(self, profile: CustomerProfile) -> None: ...
    def show_value(self, value: CustomerValue) -> None: ...
    def clear_customer(self) -> None: ...
    def show_list(self, recommendations: RecommendationList) -> None: ...
    def show_groups(self, cells: list[GridCell], segments: list[Segment], clusters: list[Cluster]) -> None: ...
    def show_sales(self, sales: SalesComparison) -> None: ...
    def show_similar(self, item: tuple[str, str], together: RecommendationList, same: RecommendationList) -> None: ...
    def show_item_matches(self, items: list[Item]) -> None: ...
    def show_basket(self, basket: dict[str, str], customer: str, found: RecommendationList | None) -> None: ...
    def show_versions(self, versions: list[VersionInfo]) -> None: ...
    def show_erased(self, text: str) -> None: ...
    def show_status(self, text: str) -> None: ...
    def show_error(self, error: RetailError) -> None: ...


class Presenter:
    """State of one window, and its calls to the engine.

    Parameters
    ----------
    view : View
        Shows the results, always in the thread that calls `poll`.
    services : Services
        Functions of the core.
    preferences : Preferences
        Recent files and theme.
    """

    def __init__(self, view: View, services: Services, preferences: Preferences) -> None:
        self.view = view
        self.services = services
        self.preferences = preferences
        self.jobs = Jobs()
        self.work = LongWork(self.jobs, view.show_status, view.show_error)
        self.engine: RetailEngine | None = None
        self.model: ModelInfo | None = None
        self.folder = ""
        self.customer_id: str | None = None
        self.method = DEFAULT_METHOD
        self.n = 10
        self.exclude_purchased = True
        self.category: str | None = None
        self.more_filters = MoreFilters()
        self.search_text = ""
        self.basket: dict[str, str] = {}
        self.sales_days = DEFAULT_SALES_DAYS
        self.recommendations: RecommendationList | None = None

    def poll(self) -> None:
        """Pass finished results to the view."""
        self.jobs.poll()

    # Opening -----------------------------------------------------------------------------------

    def open_bundle(self, folder: str, *, missing_ok: bool = False) -> None:
        """Load and show the published bundle of a folder; `missing_ok` ignores a folder without one."""

        def opened(engine: RetailEngine) -> None:
            self.folder = folder
            self.preferences.add("bundle", folder)
            self.show_engine(engine)

        self.view.show_status("Opening the bundle")
        ignored = (MissingBundleError,) if missing_ok else ()
        self.submit("open", lambda: self.services.load(folder), opened, ignored)

    def open_api(self, url: str, key: str | None = None) -> None:
        """Connect to an API instead of opening a bundle."""
        self.view.show_status("Connecting")
        self.submit("open", lambda: self.services.connect(url, key), self.show_engine)

    def show_engine(self, engine: RetailEngine) -> None:
        """Show an engine; search and selected customer stay the same unless the engine does not know the customer."""

        def described(found: tuple[ModelInfo, list[str]]) -> None:
            self.engine, (self.model, categories) = engine, found
            if self.category not in categories:
                self.category = None
            if self.more_filters.scenario not in {scenario.name for scenario in self.model.scenarios}:
                self.more_filters = replace(self.more_filters, scenario=None)
            if self.recommendations is None:
                self.exclude_purchased = not self.model.show_purchased
            self.recommendations = None
            self.view.show_status("")
            self.view.show_model(self.model, categories)
            self.search(self.search_text)
            self.submit(
                "groups",
                lambda: (engine.rfm_grid(), engine.segments(), engine.clusters()),
                lambda found: self.view.show_groups(*found),
            )
            self.show_sales(self.sales_days)
            if (customer := self.customer_id) is not None:
                self.submit("profile", lambda: engine.customer(customer), self._show_again)

        self.submit("open", lambda: (engine.model(), engine.categories()), described)

    def _show_again(self, profile: CustomerProfile) -> None:
        """Show the selected customer with another engine, or no customer if the engine does not know them."""
        if profile.known:
            self.view.show_profile(profile)
            self._request_value(profile.customer_id)
            self.refresh()
        else:
            self.customer_id = None
            self.view.clear_customer()

    def show_sales(self, days: int) -> None:
        """Show the sales of the last days of the history; bundles of older versions have none."""
        self.sales_days = days
        engine, model = self.engine, self.model
        if engine is None or model is None:
            return
        period = last_days(days, model.first, model.last)
        self.submit("sales", lambda: engine.sales(*period), self.view.show_sales, (FormatVersionError,))

    # Customers ---------------------------------------------------------------------------------

    def search(self, text: str) -> None:
        """List customers by id or name; a later search replaces this one."""
        self.search_text = text
        engine = self.engine
        if engine is None:
            return

        def found(matches: list[CustomerMatch]) -> None:
            self.view.show_matches(matches[:MAX_MATCHES], len(matches) > MAX_MATCHES)

        self.submit("search", lambda: engine.search_customers(text.strip(), MAX_MATCHES + 1), found)

    def choose_customer(self, customer_id: str) -> None:
        """Show profile and list of a customer; an unknown id gets the popular products."""
        self.customer_id = customer_id
        engine = self.engine
        if engine is not None:
            self.submit("profile", lambda: engine.customer(customer_id), self.view.show_profile)
            self._request_value(customer_id)
            self.refresh()

    def _request_value(self, customer_id: str) -> None:
        """Show the forecast of a customer; bundles of older versions have none."""
        engine = self.engine
        if engine is not None:
            self.submit(
                "value", lambda: engine.customer_value(customer_id), self.view.show_value, (FormatVersionError,)
            )

    # The list ----------------------------------------------------------------------------------

    def choose_method(self, method: str) -> None:
        """Show the list of another method."""
        self.method = check_method(method)
        self.refresh()

    def set_filters(
        self,
        n: int,
        exclude_purchased: bool,
        category: str | None,
        more: MoreFilters = MoreFilters(),  # noqa: B008
    ) -> None:
        """Set the length of the list and its filters."""
        chosen = (n, exclude_purchased, category, more)
        if chosen != (self.n, self.exclude_purchased, self.category, self.more_filters):
            self.n, self.exclude_purchased, self.category, self.more_filters = chosen
            self.refresh()

    def refresh(self) -> None:
        """Request the list of the selected customer again."""
        engine, customer = self.engine, self.customer_id
        if engine is None or customer is None:
            return
        more, exclude = self.more_filters.options(), self.exclude_purchased
        # A scenario has its own method and length.
        method, n = (None, None) if more["scenario"] else (self.method, self.n)
        categories = None if self.category is None else [self.category]

        def listed(recommendations: RecommendationList) -> None:
            self.recommendations = recommendations
            self.view.show_list(recommendations)
            self._show_rules_error()

        self.submit(
            "list",
            lambda: engine.recommend(customer, method, n, exclude_purchased=exclude, categories=categories, **more),
            listed,
        )

    def _show_rules_error(self) -> None:
        """Report a changed rules file that is not valid; the rules before the change stay in force."""
        engine = self.engine
        if engine is not None and is_local(engine) and (error := engine.rules_error) is not None:
            self.view.show_status(f"The changed business rules are not used: {error.message}")

    def similar(self, item_id: str, name: str) -> None:
        """Show products related to an item: bought together with it, and bought by the same customers."""
        engine = self.engine
        if engine is not None and item_id:
            self.submit(
                "similar",
                lambda: [
                    engine.similar_items(item_id, SIMILAR_ITEMS, relation=relation)
                    for relation in (BOUGHT_TOGETHER, SAME_CUSTOMERS)
                ],
                lambda found: self.view.show_similar((item_id, name), *found),
            )

    # The basket --------------------------------------------------------------------------------

    def search_items(self, text: str) -> None:
        """List products by id, name or category for the basket; a later search replaces this one."""
        engine = self.engine
        if engine is not None:
            self.submit("items", lambda: engine.search_items(text, MAX_ITEM_MATCHES), self.view.show_item_matches)

    def add_to_basket(self, item_id: str, name: str) -> None:
        """Add a product to the basket and show what completes it."""
        self.basket[item_id] = name or item_id
        self.show_basket()

    def remove_from_basket(self, item_id: str) -> None:
        """Take a product out of the basket."""
        self.basket.pop(item_id, None)
        self.show_basket()

    def show_basket(self) -> None:
        """Show the basket of the selected customer, or of a visitor, and the products that complete it."""
        engine, customer, basket = self.engine, self.customer_id, dict(self.basket)
        if engine is None:
            return
        if not basket:
            self.view.show_basket(basket, customer or "", None)
            return
        self.submit(
            "basket",
            lambda: engine.recommend_for_basket(list(basket), SIMILAR_ITEMS, customer_id=customer),
            lambda found: self.view.show_basket(basket, customer or "", found),
        )

    def list_table(self) -> Table:
        """Return the visible list as a table; for ``all`` the lists of every method."""
        if self.recommendations is None:
            return Table(table_models.RECOMMENDATIONS)
        return (
            table_models.comparison_table(self.recommendations)
            if self.method_shown == ALL
            else table_models.recommendation_table(self.recommendations.items)
        )

    @property
    def method_shown(self) -> str:
        """Method of the visible list, which may be older than the selected method."""
        return self.recommendations.method if self.recommendations is not None else self.method

    # Files -------------------------------------------------------------------------------------

    def file_name(self, what: str) -> str:
        """Return a suggested name for an exported file, without ending: ``AA-10315-hybrid``."""
        parts = (self.customer_id or "customers", self.method_shown if what == "list" else what)
        return "".join(c if c.isalnum() or c in "-_. " else "_" for c in "-".join(parts)).strip(" .")

    def export(self, table: Table, path: str) -> None:
        """Write a table as CSV or XLSX, by the ending of `path`."""
        rows = formatting.pluralize(len(table.rows), "row")
        self.view.show_status("Exporting")
        self.submit(
            "export",
            lambda: self.services.write(path, table, self.file_metadata()),
            lambda _: self.view.show_status(f"Exported {rows} to {path}"),
        )

    def file_metadata(self) -> dict[str, str]:
        """Return model version and data period for an exported file."""
        return {} if self.model is None else formatting.export_metadata(self.model)

    # Versions --------------------------------------------------------------------------------

    def show_versions(self) -> None:
        """Show the fitted versions of the open folder."""
        self.check_local("Listing versions", "list them")
        if not self.folder:
            raise UsageError("No bundle is open.", "Open a bundle first.")
        folder = self.folder
        self.submit("versions", lambda: self.services.versions(folder), self.view.show_versions)

    def activate(self, version: str) -> None:
        """Activate a version of the open folder and show it."""
        folder = self.folder

        def activated(_: str) -> None:
            self.open_bundle(folder)
            self.show_versions()

        self.view.show_status("Activating the version")
        self.submit("versions", lambda: self.services.activate(folder, version), activated)

    def check_local(self, what: str = "Fitting", there: str = "fit") -> None:
        """Raise `NeedsLocalEngineError` if the engine is behind an API.

        Parameters
        ----------
        what : str
            Subject of the message, such as ``Fitting``.
        there : str
            What to do on the server instead, such as ``fit``.
        """
        if self.engine is not None and not self.engine.is_local:
            raise NeedsLocalEngineError(
                f"{what} needs a local engine, but this window is connected to an API.",
                f"Start the tool without --api-url, or {there} on the server of the API.",
            )

    # All customers -----------------------------------------------------------------------------

    def write_all(self, what: str, path: str) -> None:
        """Write the ``recommendations`` or ``values`` of all customers to a file; the status bar shows the progress."""
        engine = self.open_engine()
        write = {"recommendations": analyses.write_all_recommendations, "values": analyses.write_all_values}[what]

        def written(rows: int) -> None:
            self.view.show_status(f"Wrote {formatting.pluralize(rows, 'row')} to {path}")

        self.work.start(FILES, lambda progress: write(engine, path, progress), written)

    def erase(self, customer_id: str) -> None:
        """Erase a customer from the open folder, and show the folder without them."""
        self.check_local("Erasing a customer", "erase the customer")
        engine, folder = self.open_engine(), self.folder

        def erased(receipt: dict[str, Any]) -> None:
            self.open_bundle(folder)
            rows = formatting.pluralize(receipt["purchase_rows"], "purchase row")
            events = formatting.pluralize(receipt["events"], "event")
            self.view.show_erased(f"The customer is erased: {rows} and {events} removed. Receipt {receipt['receipt']}.")

        self.view.show_status("Erasing the customer")
        self.submit("erase", lambda: analyses.erase_customer(engine, folder, customer_id), erased)

    def open_engine(self) -> RetailEngine:
        """Return the engine; raises `UsageError` if none is open."""
        if self.engine is None:
            raise UsageError("No data is open.", "Open a bundle, or fit a file of orders.")
        return self.engine

    @property
    def currency(self) -> str:
        """The shop's currency; empty if it is not known."""
        return self.model.currency if self.model is not None else ""

    def submit(
        self,
        lane: str,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        ignored: tuple[type[RetailError], ...] = (),
    ) -> None:
        """Run `work()` in the thread of a lane, then `done(result)`; errors are shown unless they are `ignored`."""

        def failed(error: RetailError) -> None:
            self.view.show_status("")
            if not isinstance(error, ignored):
                self.view.show_error(error)

        self.jobs.submit(lane, work, done, failed)
