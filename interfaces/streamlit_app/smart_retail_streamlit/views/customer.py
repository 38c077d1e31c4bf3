"""Customer: who somebody is and what to offer them, by every method."""

from __future__ import annotations

import streamlit as st

from smart_retail.presentation import labels
from smart_retail.protocol import ALL, RetailEngine
from smart_retail.results import CustomerProfile, RecommendationList
from smart_retail_streamlit import (
    chart_panel,
    customer_card,
    engine_source,
    list_controls,
    page_layout,
    reasons_table,
    recommendation_tables,
    search_box,
)
from smart_retail_streamlit.html import plain


def show() -> None:
    engine = engine_source.engine()
    page_layout.heading("Customer", "who they are, and what to offer them next")
    left, right = st.columns([1, 2.7], gap="medium")
    with left:
        customer_id = search_box.customer(engine)
    if not customer_id:
        with right:
            _nobody(engine)
        return
    profile = engine.customer(customer_id)
    with left, st.container(border=True):
        st.html(customer_card.card(profile, engine_source.model().currency))
    with right:
        _offer(engine, profile)
        _history(profile)


def _nobody(engine: RetailEngine) -> None:
    """Somebody of each segment to begin with."""
    page_layout.empty(
        "Whom would you like to see?", "Search an id or a name, take a random customer, or begin with one of these."
    )
    found = engine.search_customers("", 500)
    one_each = {match.segment: match for match in reversed(found) if match.segment in labels.SEGMENTS}
    with st.container(horizontal=True, horizontal_alignment="center", gap="small"):
        for segment in [s for s in labels.SEGMENTS if s in one_each][:6]:
            match = one_each[segment]
            st.button(
                f"{plain(match.customer_name or match.customer_id)} :gray[{plain(segment)}]",
                key=f"first-{segment}",
                on_click=search_box.choose,
                args=("customer", match.customer_id),
            )


def _offer(engine: RetailEngine, profile: CustomerProfile) -> None:
    """The controls and the list they ask for."""
    method = list_controls.method()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        n = list_controls.how_many()
        category = list_controls.category(engine.categories())
        hide = list_controls.hide_purchased(not engine_source.model().show_purchased)
    answer = engine.recommend(
        profile.customer_id, method, n, exclude_purchased=hide, categories=[category] if category else None
    )
    with st.container(border=True, key="offer"):
        _notes(answer, profile)
        st.html(
            recommendation_tables.side_by_side(answer) if answer.method == ALL else recommendation_tables.table(answer)
        )
    _take_away(answer)
    reasons_table.show(answer)


def _notes(answer: RecommendationList, profile: CustomerProfile) -> None:
    if not profile.known:
        st.html('<p class="sr-note">Nothing is known of this customer, so every method answers with popularity.</p>')
    elif answer.fallback and answer.items:
        st.html('<p class="sr-note">The method had too few items; popular ones fill the list.</p>')
    if not answer.items and not answer.lists:
        page_layout.empty("No product is left", "Allow purchased products again, or choose another category.")


def _take_away(answer: RecommendationList) -> None:
    """Download and copy."""
    rows = recommendation_tables.records(answer)
    with st.container(horizontal=True, gap="small"):
        chart_panel.download(f"recommendations-{answer.method}", rows, "Download CSV")
        with st.popover("Copy", icon=":material/content_copy:"):
            st.caption("Tab-separated, for a spreadsheet or a mail.")
            st.code("\n".join(f"{r['rank']}\t{r['item_id']}\t{r['item_name']}" for r in rows), language=None)


def _history(profile: CustomerProfile) -> None:
    if profile.purchases:
        with (
            st.expander(f"What they bought ({len(profile.purchases):,} products)"),
            st.container(height=380, border=False),
        ):
            st.html(customer_card.purchases(profile))
