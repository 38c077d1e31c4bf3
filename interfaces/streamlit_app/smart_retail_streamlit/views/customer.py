"""Customer page: the profile of a customer and recommendations by every method."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from smart_retail.errors import FormatVersionError, UsageError
from smart_retail.presentation.formatting import pluralize
from smart_retail.presentation.html import method_comparison, recommendation_table
from smart_retail.protocol import ALL, RetailEngine
from smart_retail.results import CustomerProfile, RecommendationList
from smart_retail.segmentation.segments import SEGMENTS
from smart_retail_streamlit import (
    chart_panel,
    controls,
    customer_card,
    engine_source,
    html_parts,
    page_layout,
    reasons_table,
    recommendation_tables,
    search_box,
    value_card,
)
from smart_retail_streamlit.html_parts import escape_markdown

EXAMPLES = 6
"""Customers offered when no customer is selected."""


def show() -> None:
    """Show the page."""
    engine = engine_source.engine()
    page_layout.heading("Customer", "a customer's profile, and what to recommend next")
    left, right = st.columns([1, 2.7], gap="medium")
    with left:
        customer_id = search_box.customer(engine)
    if not customer_id:
        with right:
            _show_examples(engine)
        return
    profile = engine.customer(customer_id)
    with left, st.container(border=True):
        st.html(customer_card.card(profile, engine_source.model().currency))
    _show_value(engine, customer_id, left)
    with right:
        render_recommendations(engine, profile)
        _show_history(profile)


def _show_value(engine: RetailEngine, customer_id: str, column: DeltaGenerator) -> None:
    """Show the forecast below the card; bundles of older versions have none."""
    try:
        value = engine.customer_value(customer_id)
    except FormatVersionError:
        return
    with column, st.container(border=True):
        st.html(value_card.card(value, engine_source.model().currency))


def _show_examples(engine: RetailEngine) -> None:
    """Offer one customer of each segment."""
    page_layout.empty("Choose a customer", "Search by id or name, take a random customer, or start with one of these.")
    found = engine.search_customers("", 500)
    one_per_segment = {match.segment: match for match in reversed(found) if match.segment in SEGMENTS}
    with st.container(horizontal=True, horizontal_alignment="center", gap="small"):
        for segment in [s for s in SEGMENTS if s in one_per_segment][:EXAMPLES]:
            match = one_per_segment[segment]
            st.button(
                f"{escape_markdown(match.customer_name or match.customer_id)} :gray[{escape_markdown(segment)}]",
                key=f"first-{segment}",
                on_click=search_box.select,
                args=("customer", match.customer_id),
            )


def render_recommendations(engine: RetailEngine, profile: CustomerProfile) -> None:
    """Show the controls and the list that follows from them."""
    scenario = controls.scenario(engine_source.model().scenarios)
    method = None if scenario else controls.method()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        n = None if scenario else controls.list_length()
        category = controls.category(engine.categories())
        on = controls.list_date(engine_source.model().last)
        hide = controls.hide_purchased(not engine_source.model().show_purchased)
        filters = controls.price_and_exclude()
    try:
        result = engine.recommend(
            profile.customer_id,
            method,
            n,
            scenario=scenario,
            exclude_purchased=hide,
            categories=[category] if category else None,
            on=on,
            **filters,
        )
    except UsageError as error:  # prices in the wrong order, or a scenario that is gone
        page_layout.banner(error)
        return
    with st.container(border=True, key="offer"):
        _show_notes(result, profile)
        if result.items or result.lists:
            st.html(method_comparison(result) if result.method == ALL else recommendation_table(result))
    _show_downloads(result)
    reasons_table.show(result)


def _show_notes(result: RecommendationList, profile: CustomerProfile) -> None:
    if not profile.known:
        st.html(html_parts.note("This customer has no purchases in the data, so every method shows popular products."))
    elif result.fallback and result.items:
        st.html(html_parts.note("This method found too few products; popular ones fill the list."))
    if not result.items and not result.lists:
        page_layout.empty("No product left", "Show purchased products, or choose another category.")


def _show_downloads(result: RecommendationList) -> None:
    rows = recommendation_tables.records(result)
    with st.container(horizontal=True, gap="small"):
        chart_panel.download(f"recommendations-{result.method}", rows, "Download CSV")
        with st.popover("Copy", icon=":material/content_copy:"):
            st.caption("Separated by tabs, for a spreadsheet or an e-mail.")
            st.code("\n".join(f"{r['rank']}\t{r['item_id']}\t{r['item_name']}" for r in rows), language=None)


def _show_history(profile: CustomerProfile) -> None:
    if profile.purchases:
        title = f"Purchases ({pluralize(len(profile.purchases), 'product')})"
        with st.expander(title), st.container(height=380, border=False):
            st.html(customer_card.purchases(profile))
