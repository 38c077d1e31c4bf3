"""The table of customers: filters, order, and a file of all that pass them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import structs

from smart_retail.errors import UsageError
from smart_retail.presentation.formatting import export_metadata, format_integer, format_percent, pluralize
from smart_retail.protocol import CustomerFilter, CustomerQuery, RetailEngine, all_customers
from smart_retail.results import CustomerPage
from smart_retail_tkinter.analysis_tables import customer_table
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.presenters.campaign import read_number

MAX_CUSTOMERS = 1000
"""Customers on screen; a file has all of them."""
LANE, EXPORT = "customers", "customers-file"


class CustomersView(Protocol):
    """Methods of the page that the presenter calls."""

    def show_customers(self, found: CustomerPage, summary: str) -> None: ...


class CustomersPresenter:
    """State of the table of customers.

    Parameters
    ----------
    view : CustomersView
    shell : Presenter
        Has the engine and runs the work.
    """

    def __init__(self, view: CustomersView, shell: Presenter) -> None:
        self._view, self._shell = view, shell
        self.query = CustomerQuery(n=MAX_CUSTOMERS)
        self._shown: tuple[str, CustomerQuery] | None = None

    def filter(self, selected: CustomerFilter) -> None:
        """Show the customers that pass a filter; the order stays."""
        order = {name: getattr(self.query, name) for name in ("sort", "ascending", "n")}
        self._change(CustomerQuery(**selected.conditions, **order))

    def sort(self, column: str, ascending: bool) -> None:
        """Sort all customers by a column of `protocol.CUSTOMER_SORTS`."""
        self._change(structs.replace(self.query, sort=column, ascending=ascending))

    def clear(self) -> None:
        """Forget the filters, whose names another model may not have; the order stays."""
        self._shown = None
        self.query = CustomerQuery(sort=self.query.sort, ascending=self.query.ascending, n=MAX_CUSTOMERS)

    def refresh(self) -> None:
        """Show the customers, unless the page shows them already."""
        engine, model, query = self._shell.engine, self._shell.model, self.query
        if engine is None or model is None or self._shown == (model.version, query):
            return
        self._shown = (model.version, query)

        def found(page: CustomerPage) -> None:
            self._view.show_customers(page, describe_page(page, query))

        self._shell.submit(LANE, lambda: engine.customers(query), found)

    def export(self, path: str) -> None:
        """Write all customers that pass the filters, not only those on screen, as CSV or XLSX."""
        engine, query = self._shell.open_engine(), self.query

        def write() -> int:
            table = customer_table(all_customers(engine, query))
            self._shell.services.write(path, table, _metadata(engine))
            return len(table.rows)

        self._shell.view.show_status("Exporting")
        self._shell.submit(
            EXPORT, write, lambda rows: self._shell.view.show_status(f"Exported {pluralize(rows, 'row')} to {path}")
        )

    def _change(self, query: CustomerQuery) -> None:
        if query != self.query:
            self.query = query
            self.refresh()


def read_filter(choices: Mapping[str, str], texts: Mapping[str, str]) -> CustomerFilter:
    """Return the filter of a form; an empty text filters nothing.

    Parameters
    ----------
    choices : mapping
        Fields of `CustomerFilter` with names, of which one is chosen.
    texts : mapping
        Further fields, as they are typed.

    Raises
    ------
    UsageError
        A text is not a number, a date, or the end of a range before its beginning.
    """
    days = read_number(texts["due_days"], "Due within days")
    if days is not None and days != int(days):
        raise UsageError(f"Due within days: {days} is not a whole number.", "Write a number such as 14.")
    return CustomerFilter(
        **choices,
        text=texts["text"].strip(),
        due_days=None if days is None else int(days),
        min_amount=read_number(texts["min_amount"], "Amount from"),
        max_amount=read_number(texts["max_amount"], "Amount to"),
        last_order_from=texts["last_order_from"].strip() or None,
        last_order_to=texts["last_order_to"].strip() or None,
    )


def describe_page(page: CustomerPage, query: CustomerQuery) -> str:
    """Return how many customers pass the filters, and how many of them are shown."""
    if not page.total:
        return "No customer passes these filters. Remove one of them."
    whole = page.total == page.customers
    share = "" if whole else f", {format_percent(page.total / page.customers)} of {format_integer(page.customers)}"
    shown = "" if page.total <= query.n else f" The first {format_integer(query.n)} are shown; a file has all."
    return (
        f"{pluralize(page.total, 'customer')}{share}. Forecasts are for the "
        f"{pluralize(page.horizon_days, 'day')} after the last order.{shown}"
    )


def _metadata(engine: RetailEngine) -> dict[str, str]:
    return export_metadata(engine.model())
