"""Products: what goes with an item, and what is popular."""

from __future__ import annotations

from html import escape

import streamlit as st

from smart_retail.presentation.formatting import format_amount, format_integer
from smart_retail.protocol import RetailEngine
from smart_retail.results import RecommendationList
from smart_retail_streamlit import (
    chart_panel,
    engine_source,
    list_controls,
    page_layout,
    reasons_table,
    recommendation_tables,
    search_box,
)
from smart_retail_streamlit.html import bar, html_named, table

LENGTH = 10
"""Items in each of the two lists beside a product."""


def show() -> None:
    engine = engine_source.engine()
    page_layout.heading("Products", "what goes with a product, and what is wanted now")
    left, right = st.columns([1, 2.7], gap="medium")
    with left:
        item_id = search_box.item(engine)
    if not item_id:
        with right:
            _popular(engine)
        with left:
            st.caption("Search a product to see what goes with it. Until then: what everybody buys now.")
        return
    similar = engine.similar_items(item_id, LENGTH)
    with left, st.container(border=True):
        st.html(_card(engine, item_id))
        st.button(
            "Back to all products",
            icon=":material/arrow_back:",
            type="tertiary",
            on_click=search_box.forget,
            args=("item",),
        )
    with right:
        one, two = st.columns(2, gap="medium")
        with one:
            _titled("Similar products", "what buyers of this product also buy, or what is like it", similar, "similar")
        with two:
            basket = engine.recommend_for_basket([item_id], LENGTH)
            _titled("For a basket with it", "bought together: for a visitor who takes this product", basket, "basket")
        reasons_table.show(similar, "Similar products: why this order?")
        reasons_table.show(basket, "For a basket with it: why this order?")


def _card(engine: RetailEngine, item_id: str) -> str:
    """Name, category and demand of an item."""
    found = next((item for item in engine.search_items(item_id, 20) if item.item_id == item_id), None)
    if found is None:
        return f'<div class="sr-person"><h2>{escape(item_id)}</h2></div>'
    kind = " › ".join(part for part in (found.category, found.subcategory) if part)
    price = "" if found.unit_price is None else format_amount(found.unit_price, engine_source.model().currency)
    facts = {
        "Category": kind,
        "Orders": format_integer(found.orders),
        "Customers": format_integer(found.customers),
        "Typical price": price,
    }
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
    title = html_named(found.item_name, item_id)
    return f'<div class="sr-person"><h2>{title}</h2><dl class="sr-facts">{rows}</dl></div>'


def _titled(title: str, about: str, answer: RecommendationList, name: str) -> None:
    with st.container(border=True):
        st.html(f'<p class="sr-finding">{escape(title)}</p><p class="sr-axis">{escape(about)}</p>')
        if answer.items:
            st.html(recommendation_tables.table(answer, narrow=True))
        else:
            page_layout.empty("Nothing goes with it yet", "Too few people bought this product to tell.")
    chart_panel.download(name, recommendation_tables.records(answer), "Download CSV")


def _popular(engine: RetailEngine) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = list_controls.how_many()
        category = list_controls.category(engine.categories())
    answer = engine.popular(n, category=category or None)
    with st.container(border=True):
        st.html(_ranking(answer))
    chart_panel.download("popular", recommendation_tables.records(answer), "Download CSV")


def _ranking(answer: RecommendationList) -> str:
    """Popular items with their score as a bar."""
    best = answer.items[0].score if answer.items else 1.0
    columns = [("sr-num sr-rank", "#"), ("", "Product"), ("", "Category"), ("sr-wide", "Demand, relative to the first")]
    rows = [
        [
            format_integer(item.rank),
            html_named(item.item_name, item.item_id),
            escape(item.category),
            bar(item.score / best),
        ]
        for item in answer.items
    ]
    return table(columns, rows)
