"""Panels of the Products page: product bundles, of the shop or with one product, and substitutes of a product."""

from __future__ import annotations

import streamlit as st

from smart_retail.presentation import formatting, labels
from smart_retail.presentation.html import bundle_table, substitute_table
from smart_retail.presentation.product_tables import BUNDLE_COLUMNS, bundle_row, substitute_row
from smart_retail.protocol import RetailEngine
from smart_retail_streamlit import chart_panel, controls, engine_source, html_parts, page_layout

SHOWN = 10
"""Bundles on the page; the file has `MAX_EXPORTED`."""
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
