"""Entry point of the app: its pages, their common layout, and errors as banners."""

from __future__ import annotations

import streamlit as st

from smart_retail.errors import RetailError
from smart_retail_streamlit import page_layout
from smart_retail_streamlit.views import (
    campaign,
    clusters,
    customer,
    customers,
    fit,
    methods,
    overview,
    products,
    reports,
    segments,
    value,
    versions,
    whatif,
)

PAGES = (
    ("Overview", "", overview.show),
    ("Customer", "customer", customer.show),
    ("Customers", "customers", customers.show),
    ("Products", "products", products.show),
    ("Segments", "segments", segments.show),
    ("Clusters", "clusters", clusters.show),
    ("Value", "value", value.show),
    ("Campaign", "campaign", campaign.show),
    ("Reports", "reports", reports.show),
    ("Methods", "methods", methods.show),
    ("Fit", "fit", fit.show),
    ("What-if", "what-if", whatif.show),
    ("Versions", "versions", versions.show),
)


def main() -> None:
    """Run the page that the address names."""
    page_layout.begin_page()
    pages = [st.Page(show, title=title, url_path=path, default=not path) for title, path, show in PAGES]
    for title in page_layout.LINKED_PAGES:
        st.session_state[page_layout.page_key(title)] = next(page for page in pages if page.title == title)
    page = st.navigation(pages, position="top")
    try:
        page.run()
    except RetailError as error:
        page_layout.banner(error)
    page_layout.footer()


main()
