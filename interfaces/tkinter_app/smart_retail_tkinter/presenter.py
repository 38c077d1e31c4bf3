"""The window's mind, without tk: what is chosen, what is asked of the engine, what a view shall show.

A view calls the methods here from its own thread and `poll` every few milliseconds; every engine
call runs in a worker and its answer comes back to the view inside `poll`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from smart_retail.errors import MissingBundleError, NeedsLocalEngineError, RetailError
from smart_retail.protocol import ALL, DEFAULT_METHOD, RetailEngine, check_method
from smart_retail.results import CustomerMatch, CustomerProfile, GridCell, ModelInfo, RecommendationList, Segment
from smart_retail_tkinter import formatting, table_models
from smart_retail_tkinter.background_jobs import Jobs
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.recent_files import Memory
from smart_retail_tkinter.table_models import Table

MATCHES = 200
"""Customers listed for one search; who types on narrows it."""
SIMILAR = 20


class View(Protocol):
    """What a presenter needs of a window."""

    def show_model(self, model: ModelInfo, categories: list[str]) -> None: ...
    def show_matches(self, matches: list[CustomerMatch], more: bool) -> None: ...
    def show_profile(self, profile: CustomerProfile) -> None: ...
    def show_list(self, answer: RecommendationList) -> None: ...
    def show_groups(self, cells: list[GridCell], segments: list[Segment]) -> None: ...
    def show_similar(self, title: str, answer: RecommendationList) -> None: ...
    def show_status(self, text: str) -> None: ...
    def show_error(self, error: RetailError) -> None: ...


class Presenter:
    """State of one window and the calls it makes.

    Parameters
    ----------
    view : View
        Is told what to show, always in the thread that calls `poll`.
    services : Services
        The doors to the core.
    memory : Memory
        Recent files and theme.
    """

    def __init__(self, view: View, services: Services, memory: Memory) -> None:
        self.view = view
        self.services = services
        self.memory = memory
        self.jobs = Jobs()
        self.engine: RetailEngine | None = None
        self.model: ModelInfo | None = None
        self.folder = ""
        self.customer_id: str | None = None
        self.method = DEFAULT_METHOD
        self.n = 10
        self.exclude_purchased = True
        self.category: str | None = None
        self.search_text = ""
        self.answer: RecommendationList | None = None

    def poll(self) -> None:
        """Hand finished answers to the view."""
        self.jobs.poll()

    # Opening -----------------------------------------------------------------------------------

    def open_bundle(self, folder: str, *, missing_ok: bool = False) -> None:
        """Load the published bundle of a folder and show it; `missing_ok` is silent where there is none."""

        def opened(engine: RetailEngine) -> None:
            self.folder = folder
            self.memory.add("bundle", folder)
            self.use(engine)

        self.view.show_status("opening the bundle")
        ignored = (MissingBundleError,) if missing_ok else ()
        self._ask("open", lambda: self.services.load(folder), opened, ignored)

    def open_api(self, url: str, key: str | None = None) -> None:
        """Ask an API instead of a bundle."""
        self.view.show_status("connecting")
        self._ask("open", lambda: self.services.connect(url, key), self.use)

    def use(self, engine: RetailEngine) -> None:
        """Show what an engine knows, keeping the chosen customer where there is one."""

        def described(found: tuple[ModelInfo, list[str]]) -> None:
            self.engine, (self.model, categories) = engine, found
            if self.category not in categories:
                self.category = None
            if self.answer is None:
                self.exclude_purchased = not self.model.show_purchased
            self.answer = None
            self.view.show_status("")
            self.view.show_model(self.model, categories)
            self.search(self.search_text)
            self._ask("groups", lambda: (engine.rfm_grid(), engine.segments()), self._show_groups)
            if self.customer_id is not None:
                self.choose_customer(self.customer_id)

        self._ask("open", lambda: (engine.model(), engine.categories()), described)

    def _show_groups(self, found: tuple[list[GridCell], list[Segment]]) -> None:
        self.view.show_groups(*found)

    # Customers ---------------------------------------------------------------------------------

    def search(self, text: str) -> None:
        """List customers by id or name; a later search takes the place of this one."""
        self.search_text = text
        engine = self.engine
        if engine is None:
            return

        def found(matches: list[CustomerMatch]) -> None:
            self.view.show_matches(matches[:MATCHES], len(matches) > MATCHES)

        self._ask("search", lambda: engine.search_customers(text.strip(), MATCHES + 1), found)

    def choose_customer(self, customer_id: str) -> None:
        """Show a customer's profile and list; an id that nobody has is answered with popularity."""
        self.customer_id = customer_id
        engine = self.engine
        if engine is not None:
            self._ask("profile", lambda: engine.customer(customer_id), self.view.show_profile)
            self.refresh()

    # The list ----------------------------------------------------------------------------------

    def choose_method(self, method: str) -> None:
        self.method = check_method(method)
        self.refresh()

    def set_filters(self, n: int, exclude_purchased: bool, category: str | None) -> None:
        """How long the list is and what may stand in it."""
        if (n, exclude_purchased, category) != (self.n, self.exclude_purchased, self.category):
            self.n, self.exclude_purchased, self.category = n, exclude_purchased, category
            self.refresh()

    def refresh(self) -> None:
        """Ask for the chosen customer's list once more."""
        engine, customer, method, n = self.engine, self.customer_id, self.method, self.n
        if engine is None or customer is None:
            return
        exclude = self.exclude_purchased
        categories = None if self.category is None else [self.category]

        def listed(answer: RecommendationList) -> None:
            self.answer = answer
            self.view.show_list(answer)

        self._ask(
            "list",
            lambda: engine.recommend(customer, method, n, exclude_purchased=exclude, categories=categories),
            listed,
        )

    def similar(self, item_id: str, name: str) -> None:
        """Show what goes with an item."""
        engine = self.engine
        if engine is not None and item_id:
            title = formatting.join_name_and_id(name, item_id)
            self._ask(
                "similar",
                lambda: engine.similar_items(item_id, SIMILAR),
                lambda answer: self.view.show_similar(title, answer),
            )

    def list_table(self) -> Table:
        """The list on the screen as a table; for ``all`` every list, the method in front."""
        if self.answer is None:
            return Table(table_models.RECOMMENDATIONS)
        return (
            table_models.side_by_side(self.answer)
            if self.method_shown == ALL
            else table_models.recommendations(self.answer.items)
        )

    @property
    def method_shown(self) -> str:
        """The method of the list on the screen, which may be older than the choice."""
        return self.answer.method if self.answer is not None else self.method

    # Files -------------------------------------------------------------------------------------

    def file_name(self, what: str) -> str:
        """A name to propose for an export, without ending: ``AA-10315-hybrid``."""
        parts = (self.customer_id or "customers", self.method_shown if what == "list" else what)
        return "".join(c if c.isalnum() or c in "-_. " else "_" for c in "-".join(parts)).strip(" .")

    def export(self, table: Table, path: str) -> None:
        """Write a table as CSV or XLSX, by the ending of `path`."""
        rows = formatting.pluralize(len(table.rows), "row")
        self.view.show_status("exporting")
        self._ask(
            "export",
            lambda: self.services.write(path, table, self.stamp()),
            lambda _: self.view.show_status(f"exported {rows} to {path}"),
        )

    def stamp(self) -> dict[str, str]:
        """What an exported file says of its origin."""
        if self.model is None:
            return {}
        return {"Model": self.model.version, "Data from": self.model.first, "Data to": self.model.last}

    def check_local(self) -> None:
        """`NeedsLocalEngineError` when the engine is behind an API."""
        if self.engine is not None and not self.engine.is_local:
            raise NeedsLocalEngineError(
                "Fitting needs a local engine; this window shows an engine behind an API.",
                "Start it without --api-url, or fit where the API runs.",
            )

    def _ask(
        self,
        lane: str,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        ignored: tuple[type[RetailError], ...] = (),
    ) -> None:
        def failed(error: RetailError) -> None:
            self.view.show_status("")
            if not isinstance(error, ignored):
                self.view.show_error(error)

        self.jobs.submit(lane, work, done, failed)
