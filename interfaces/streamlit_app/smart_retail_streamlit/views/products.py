"""Products page: products similar to one, and popular products."""

from __future__ import annotations

import streamlit as st
from markupsafe import Markup

from smart_retail.presentation.formatting import format_amount, format_integer
from smart_retail.presentation.html import Column, bar, name_cell, recommendation_table, table
from smart_retail.protocol import RetailEngine
from smart_retail.results import RecommendationList
from smart_retail_streamlit import (
    chart_panel,
    engine_source,
    html_parts,
    list_controls,
    page_layout,
    reasons_table,
    recommendation_tables,
    search_box,
)

LENGTH = 10
"""Products in each of the two lists for a product."""


def show() -> None:
    """Show the page."""
    engine = engine_source.engine()
    page_layout.heading("Products", "similar products, products for a basket, and popular products")
    left, right = st.columns([1, 2.7], gap="medium")
    with left:
        item_id = search_box.item(engine)
    if not item_id:
        with right:
            _show_popular(engine)
        with left:
            st.caption("Search a product to see what is bought with it. Shown now: the most popular products.")
        return
    similar = engine.similar_items(item_id, LENGTH)
    with left, st.container(border=True):
        st.html(_product_card(engine, item_id))
        st.button(
            "Back to all products",
            icon=":material/arrow_back:",
            type="tertiary",
            on_click=search_box.clear_selection,
            args=("item",),
        )
    with right:
        one, two = st.columns(2, gap="medium")
        with one:
            about = "bought by the same customers, or alike in name and category"
            _show_list("Similar products", about, similar, "similar")
        with two:
            basket = engine.recommend_for_basket([item_id], LENGTH)
            about = "for a visitor with this product in the basket"
            _show_list("Recommended with this product", about, basket, "basket")
        reasons_table.show(similar, "Similar products: why this order?")
        reasons_table.show(basket, "Recommended with this product: why this order?")


def _product_card(engine: RetailEngine, item_id: str) -> Markup:
    """Return name, category and sales of a product."""
    found = next((item for item in engine.search_items(item_id, 20) if item.item_id == item_id), None)
    if found is None:
        return html_parts.render("product_card.html", name="", identifier=item_id, facts=[])
    price = "" if found.unit_price is None else format_amount(found.unit_price, engine_source.model().currency)
    facts = [
        ("Category", " › ".join(part for part in (found.category, found.subcategory) if part)),
        ("Orders", format_integer(found.orders)),
        ("Customers", format_integer(found.customers)),
        ("Typical price", price),
    ]
    return html_parts.render("product_card.html", name=found.item_name, identifier=item_id, facts=facts)


def _show_list(title: str, about: str, result: RecommendationList, name: str) -> None:
    with st.container(border=True):
        st.html(html_parts.finding(title, about))
        if result.items:
            st.html(recommendation_table(result, compact=True))
        else:
            page_layout.empty("No products", "Too few customers bought this product to find others.")
    chart_panel.download(name, recommendation_tables.records(result), "Download CSV")


def _show_popular(engine: RetailEngine) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = list_controls.list_length()
        category = list_controls.category(engine.categories())
    result = engine.popular(n, category=category or None)
    with st.container(border=True):
        st.html(_popular_table(result))
    chart_panel.download("popular", recommendation_tables.records(result), "Download CSV")


def _popular_table(result: RecommendationList) -> Markup:
    """Return popular products with their demand as a bar."""
    best = result.items[0].score if result.items else 1.0
    columns = [
        Column("#", "sr-num sr-rank"),
        Column("Product"),
        Column("Category"),
        Column("Demand compared with the first", "sr-wide"),
    ]
    rows = [
        [format_integer(item.rank), name_cell(item.item_name, item.item_id), item.category, bar(item.score / best)]
        for item in result.items
    ]
    return table(columns, rows)
