"""Panels of the Products page: product bundles, substitutes and audience of a product."""

from __future__ import annotations

import streamlit as st

from smart_retail.errors import RemoteError
from smart_retail.presentation import formatting, labels
from smart_retail.presentation.html import audience_table, bundle_table, substitute_table
from smart_retail.presentation.product_tables import BUNDLE_COLUMNS, audience_row, bundle_row, substitute_row
from smart_retail.protocol import RetailEngine
from smart_retail_streamlit import chart_panel, controls, engine_source, html_parts, page_layout

SHOWN = 10
"""Rows on the page; the file has up to `MAX_EXPORTED`."""
MAX_EXPORTED = 1000
SIZES = {"0": "All", "2": "Pairs", "3": "Triples"}


def show_bundles(engine: RetailEngine, item_id: str | None = None) -> None:
    """Show the bundles of the shop, or those with one product."""
    with st.container(border=True, key="bundles-panel"):
        heading = st.container()
        with st.container(horizontal=True, gap="medium"):
            sort = controls.choice("sort", labels.BUNDLE_SORTS, "support", key="bundle-sort", label="Sort by")
            size = int(controls.choice("products", SIZES, "0", key="bundle-size", label="Products"))
        found = engine.bundles(item_id, sort=sort, size=size or None, n=MAX_EXPORTED)
        orders = formatting.pluralize(found.min_support, "order")
        about = f"{labels.BUNDLES[1].capitalize()}, in at least {orders}; as of the last fit"
        heading.html(html_parts.finding(labels.BUNDLES[0], about))
        if not found.entries:
            page_layout.empty("No bundles", f"No products are together in {orders} more often than by chance.")
            return
        st.html(bundle_table(found.entries[:SHOWN], engine_source.model().currency))
        if found.total > SHOWN:
            st.caption(f"{SHOWN} of {formatting.pluralize(found.total, 'bundle')}. {labels.BUNDLE_EXPLANATION}")
        else:
            st.caption(labels.BUNDLE_EXPLANATION)
        metadata = formatting.export_metadata(engine_source.model())
        rows = [{name: row[name] for name in BUNDLE_COLUMNS} | metadata for row in map(bundle_row, found.entries)]
        chart_panel.download("bundles", rows, f"Download CSV ({formatting.pluralize(len(rows), 'row')})")


def show_substitutes(engine: RetailEngine, item_id: str) -> None:
    """Show the products that replace a product."""
    found = engine.substitutes(item_id, SHOWN)
    with st.container(border=True, key="substitutes-panel"):
        where = f" in {found.group}" if found.group else ""
        st.html(html_parts.finding(labels.SUBSTITUTES[0], f"{labels.SUBSTITUTES[1].capitalize()}{where}"))
        if not found.entries:
            page_layout.empty("No substitutes", found.note)
            return
        st.html(substitute_table(found.entries))
        metadata = formatting.export_metadata(engine_source.model())
        chart_panel.download("substitutes", [substitute_row(s) | metadata for s in found.entries], "Download CSV")


def show_audience(engine: RetailEngine, item_id: str) -> None:
    """Show the customers who would want a product, with a file of more of them."""
    with st.container(border=True, key="audience-panel"):
        st.html(html_parts.finding(labels.AUDIENCE[0], labels.AUDIENCE[1].capitalize()))
        hide = st.checkbox("Hide customers who bought it", True, key="audience-hide")
        try:
            found = engine.audience(item_id, MAX_EXPORTED, exclude_purchased=hide)
        except RemoteError as error:  # the key of the app has no right to list customers
            page_layout.banner(error)
            return
        if not found.entries:
            page_layout.empty("No customers", found.note)
            return
        if found.note:
            st.info(found.note)
        st.html(audience_table(found.entries[:SHOWN]))
        st.caption(f"The first {min(SHOWN, found.total)} of {formatting.pluralize(found.total, 'customer')}")
        metadata = formatting.export_metadata(engine_source.model())
        rows = [audience_row(member) | metadata for member in found.entries]
        chart_panel.download("audience", rows, f"Download CSV ({formatting.pluralize(len(rows), 'row')})")
