"""What every page shares: style, heading, error banner, empty state, footer."""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from smart_retail.errors import MissingBundleError, RetailError
from smart_retail.presentation.formatting import describe_model
from smart_retail_streamlit import engine_source
from smart_retail_streamlit.html import plain

_STYLE = Path(__file__).with_name("style.css")
_LOGO = Path(__file__).with_name("logo.svg")


def begin() -> None:
    """Page configuration, style sheet and logo; first on every run."""
    engine_source.begin_run()
    st.set_page_config("Smart Retail Engine", page_icon=str(_LOGO), layout="wide")
    st.html(_STYLE)
    st.logo(str(_LOGO), size="large")


def is_dark() -> bool:
    """Whether the visitor sees the dark theme; for ink inside pictures."""
    return st.context.theme.type == "dark"


def heading(title: str, says: str) -> None:
    """The page's name and one line on what it shows."""
    st.html(f'<div class="sr-heading"><h1>{escape(title)}</h1><p>{escape(says)}</p></div>')


def banner(error: RetailError) -> None:
    """An error in its own words: what happened, what to do."""
    if isinstance(error, MissingBundleError):
        no_bundle(error)
        return
    st.error(f"**{plain(error.message)}**\n\n{plain(error.hint)}", icon=":material/error:")


def no_bundle(error: RetailError) -> None:
    """Nothing is fitted yet: how to get there."""
    with st.container(border=True, key="no-bundle", width=680):
        empty("Nothing is fitted yet", error.message)
        st.markdown("Fit your orders on the **Fit** page, or in a terminal:")
        st.code("smart-retail fit orders.xlsx", language="bash")
        st.markdown("To look around first, fit the demo data:")
        st.code("smart-retail demo", language="bash")


def empty(title: str, says: str) -> None:
    """An empty state: what is missing, what to do next."""
    st.html(f'<div class="sr-empty"><h2>{escape(title)}</h2><p>{escape(says)}</p></div>')


def footer() -> None:
    """Model version and data period, small, under every page."""
    where = engine_source.configured_source()
    try:
        model = engine_source.model()
    except RetailError:
        parts = ["no model"]
    else:
        parts = [describe_model(model)]
        if model.rules:
            parts.append(f"rules {model.rules[:12]}")
    parts.append(f"over the API at {where.api_url}" if where.api_url else "engine in this process")
    st.html('<footer class="sr-footer">' + " · ".join(escape(p) for p in parts) + "</footer>")
