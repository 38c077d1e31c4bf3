"""Customers page: a table of customers with filters, which are kept in the address, as the start of a campaign."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup
from msgspec import structs

from smart_retail.presentation import formatting, labels
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize
from smart_retail.presentation.html import Column, table
from smart_retail.protocol import DEFAULT_CUSTOMER_SORT, CustomerQuery, RetailEngine, all_customers
from smart_retail.results import CustomerPage, CustomerSummary
from smart_retail_streamlit import chart_panel, customer_filters, engine_source, html_parts, page_layout, query_params

ROWS = (25, 100, 500)
"""Rows of a page that can be chosen."""
DESCENDING, ASCENDING = "Largest first", "Smallest first"


def show() -> None:
    """Show the page."""
    engine = engine_source.engine()
    page_layout.heading("Customers", "who they are, what they bought, and what to expect of them; as of the last fit")
    with st.container(border=True, key="customer-filters"):
        query = _choose(engine)
    rows = int(query_params.read("rows", ROWS[0], ROWS))
    found = engine.customers(structs.replace(query, n=rows))
    pages = max(-(-found.total // rows), 1)
    number = min(query_params.read("page", 1, range(1, 100_000)), pages)
    if number > 1:
        found = engine.customers(structs.replace(query, n=rows, offset=(number - 1) * rows))
    with st.container(border=True, key="customer-table"):
        _show_summary(engine, query, found)
        if not found.entries:
            page_layout.empty("No customers", "No customer passes these filters. Remove one of them.")
            return
        st.html(_table(found.entries, (number - 1) * rows))
        _choose_page(pages)


def _choose(engine: RetailEngine) -> CustomerQuery:
    """Return the chosen filters and order."""
    selected = customer_filters.choose(engine, _first_page)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        sorts = list(labels.CUSTOMER_SORTS)
        chosen = query_params.read("sort", DEFAULT_CUSTOMER_SORT, sorts)
        sort: str = (
            st.selectbox(
                "Sort by",
                sorts,
                sorts.index(chosen),
                format_func=lambda name: labels.CUSTOMER_SORTS[str(name)],
                key="customers-sort",
                width=170,
                on_change=_first_page,
            )
            or DEFAULT_CUSTOMER_SORT
        )
        query_params.write("sort", sort, DEFAULT_CUSTOMER_SORT)
        ascending = query_params.read("ascending", False)
        order = st.selectbox(
            "Order", [DESCENDING, ASCENDING], int(ascending), key="customers-order", width=170, on_change=_first_page
        )
        query_params.write("ascending", order == ASCENDING, False)
    return CustomerQuery(**selected.conditions, sort=sort, ascending=order == ASCENDING)


def _first_page() -> None:
    """Return to the first page, since the rows change."""
    st.query_params.pop("page", None)
    st.session_state.pop("customers-page", None)


def _show_summary(engine: RetailEngine, query: CustomerQuery, found: CustomerPage) -> None:
    """Show the number of customers, and what can be done with them."""
    model = engine_source.model()
    share = format_percent(found.total / max(found.customers, 1))
    st.html(
        html_parts.finding(
            pluralize(found.total, "customer"),
            f"{share} of {pluralize(found.customers, 'customer')}. Forecasts are for the "
            f"{pluralize(found.horizon_days, 'day')} after the last order of the history.",
        )
    )
    if not found.total:
        return

    def export() -> str:
        metadata = formatting.export_metadata(model)
        return chart_panel.csv_text([customer.as_dict() | metadata for customer in all_customers(engine, query)])

    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.download_button(
            f"Export {pluralize(found.total, 'row')} as CSV",
            export,
            "customers.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="csv-customers",
        )
        if found.with_orders:
            whom = f"{'this' if found.with_orders == 1 else 'these'} {pluralize(found.with_orders, 'customer')}"
            address = customer_filters.address(query)
            page_layout.link("Campaign", f"Make a campaign for {whom}", ":material/campaign:", **address)
    if found.with_orders < found.total:
        without = pluralize(found.total - found.with_orders, "customer")
        st.caption(f"A campaign leaves out {without} without a kept order.")


def _table(customers: Sequence[CustomerSummary], skipped: int) -> Markup:
    currency = engine_source.model().currency
    has_country = any(customer.country for customer in customers)
    numbers = ("Orders", "Amount", "Last order", "Expected spend", "Likely to order", "Lifetime value")
    columns = [Column("#", "sr-num sr-rank"), Column("Customer"), Column("Segment"), Column("Cluster")]
    columns += [Column("Country")] if has_country else []
    columns += [Column(text, "sr-num") for text in numbers]
    rows = [
        [
            format_integer(number),
            html_parts.render("customer_link.html", name=c.customer_name, identifier=c.customer_id),
            c.segment,
            c.cluster,
            *([c.country] if has_country else []),
            format_integer(c.orders),
            format_amount(c.amount, currency),
            c.last_order or "",
            format_amount(c.expected_spend, currency),
            format_percent(c.return_probability),
            format_amount(c.lifetime_value, currency),
        ]
        for number, c in enumerate(customers, skipped + 1)
    ]
    return table(columns, rows, "sr-cards")


def _choose_page(pages: int) -> None:
    """Show the controls for the page and its length, which are kept in the address."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        rows = st.selectbox(
            "Rows",
            ROWS,
            ROWS.index(query_params.read("rows", ROWS[0], ROWS)),
            key="customers-rows",
            width=110,
            on_change=_store_rows,
        )
        if rows and pages > 1:
            number = min(query_params.read("page", 1, range(1, 100_000)), pages)
            st.number_input(
                f"Page, 1 to {format_integer(pages)}", 1, pages, number, key="customers-page", on_change=_store_page,
                width=140,
            )  # fmt: skip


def _store_rows() -> None:
    query_params.write("rows", st.session_state["customers-rows"], ROWS[0])
    _first_page()


def _store_page() -> None:
    query_params.write("page", st.session_state["customers-page"], 1)
