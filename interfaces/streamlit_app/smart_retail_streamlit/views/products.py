"""Products page: products related to one, products that complete a basket, popular products, bundles, substitutes."""

from __future__ import annotations

import streamlit as st
from markupsafe import Markup

from smart_retail.presentation import formatting, labels
from smart_retail.presentation.formatting import format_amount, format_integer
from smart_retail.presentation.html import Column, bar, name_cell, recommendation_table, table
from smart_retail.protocol import BOUGHT_TOGETHER, SAME_CUSTOMERS, RetailEngine
from smart_retail.results import ItemDetails, RecommendationList
from smart_retail_streamlit import (
    basket_panel,
    chart_panel,
    controls,
    engine_source,
    html_parts,
    page_layout,
    product_relations_panel,
    reasons_table,
    recommendation_tables,
    search_box,
)

LENGTH = 10
"""Products in each list for a product."""


def show() -> None:
    """Show the page."""
    engine = engine_source.engine()
    page_layout.heading("Products", "what is bought with a product, what completes a basket, and what is popular")
    left, right = st.columns([1, 2.7], gap="medium")
    with left:
        item_id = search_box.item(engine)
    if not item_id:
        with left:
            customer = basket_panel.show(engine)
            st.caption("Search a product to see what is bought with it. Shown now: the most popular products.")
        with right:
            _show_basket(engine, customer)
            _show_popular(engine)
            product_relations_panel.show_bundles(engine)
        return
    related = [
        engine.similar_items(item_id, LENGTH, relation=relation) for relation in (BOUGHT_TOGETHER, SAME_CUSTOMERS)
    ]
    found = engine.item(item_id)
    with left:
        with st.container(border=True):
            st.html(_product_card(found))
            basket_panel.add_button(item_id, found.item_name)
            st.button(
                "Back to all products",
                icon=":material/arrow_back:",
                type="tertiary",
                on_click=search_box.clear_selection,
                args=("item",),
            )
        customer = basket_panel.show(engine)
    with right:
        for column, result in zip(st.columns(2, gap="medium"), related, strict=True):
            with column:
                _show_list(*labels.RELATIONS[result.method], result, result.method)
        for result in related:
            reasons_table.show(result, f"{labels.RELATIONS[result.method][0]}: why this order?")
        _show_basket(engine, customer, item_id)
        product_relations_panel.show_bundles(engine, item_id)
        product_relations_panel.show_substitutes(engine, item_id)
        product_relations_panel.show_audience(engine, item_id)


def _show_basket(engine: RetailEngine, customer: str | None, item_id: str = "") -> None:
    """Show the products that complete the basket, or one that holds only the selected product."""
    items = list(basket_panel.contents()) or ([item_id] if item_id else [])
    if not items:
        return
    result = engine.recommend_for_basket(items, LENGTH, customer_id=customer)
    basket = formatting.pluralize(len(items), "product")
    about = f"for a basket of {basket}" + ("" if customer is None else f" of customer {customer}")
    _show_list("Completes the basket", about, result, "basket")
    reasons_table.show(result, "Completes the basket: why this order?")


def _product_card(found: ItemDetails) -> Markup:
    """Return name, category and sales of a product, and what the catalogue says of it."""
    price = "" if found.unit_price is None else format_amount(found.unit_price, engine_source.model().currency)
    facts = [
        ("Category", " › ".join(part for part in (found.category, found.subcategory) if part)),
        ("Orders", format_integer(found.orders)),
        ("Customers", format_integer(found.customers)),
        ("Typical price", price),
        ("Brand", found.brand),
        ("In stock", "" if found.stock is None else f"{found.stock:,g}"),
        ("Launched", found.launch_date),
        *found.attributes.items(),
        ("Description", found.description),
    ]
    return html_parts.render("product_card.html", name=found.item_name, identifier=found.item_id, facts=facts)


def _show_list(title: str, about: str, result: RecommendationList, name: str) -> None:
    with st.container(border=True):
        st.html(html_parts.finding(title, about))
        if result.items:
            st.html(recommendation_table(result, compact=True))
        else:
            page_layout.empty("No products", labels.NO_RELATED.get(result.method, "No product passes the filters."))
    chart_panel.download(name, recommendation_tables.records(result), "Download CSV")


def _show_popular(engine: RetailEngine) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = controls.list_length()
        category = controls.category(engine.categories())
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
        Column("Category", "sr-cat"),
        Column("Demand compared with the first", "sr-wide"),
    ]
    rows = [
        [format_integer(item.rank), name_cell(item.item_name, item.item_id), item.category, bar(item.score / best)]
        for item in result.items
    ]
    return table(columns, rows, "sr-list")
