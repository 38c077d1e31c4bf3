"""Elements that all pages share: style, heading, error banner, empty state, footer."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from smart_retail.errors import MissingBundleError, RetailError
from smart_retail.presentation.formatting import describe_model
from smart_retail.presentation.html import style_sheet
from smart_retail_streamlit import engine_source, html_parts
from smart_retail_streamlit.html_parts import escape_markdown

LINKED_PAGES = ("Campaign", "Customers", "Fit")
"""Titles of the pages that others link to."""

_LOGO = Path(__file__).with_name("logo.svg")


def begin_page() -> None:
    """Configure the page and add style sheet and logo. Call this first in every run."""
    engine_source.begin_run()
    st.set_page_config("Smart Retail Engine", page_icon=str(_LOGO), layout="wide")
    st.html(f"<style>{style_sheet('smart_retail_streamlit', 'style.css')}</style>")
    st.logo(str(_LOGO), size="large")


def is_dark() -> bool:
    """Return whether the visitor has the dark theme, for text inside charts."""
    return st.context.theme.type == "dark"


def heading(title: str, subtitle: str) -> None:
    """Show the title of the page and one line about it."""
    st.html(html_parts.render("heading.html", title=title, subtitle=subtitle))


def banner(error: RetailError) -> None:
    """Show what went wrong and what to do about it."""
    if isinstance(error, MissingBundleError):
        show_missing_model(error)
        return
    st.error(f"**{escape_markdown(error.message)}**\n\n{escape_markdown(error.hint)}", icon=":material/error:")


def show_missing_model(error: RetailError) -> None:
    """Show the first steps: nothing has been fitted yet."""
    with st.container(border=True, key="no-bundle", width=680):
        empty("No model yet", error.message)
        source = engine_source.configured_source()
        if source.is_local and source.allow_fit:
            with st.container(horizontal=True, horizontal_alignment="center", gap="small"):
                link("Fit", "Open a file of orders", ":material/upload_file:")
        st.caption("Fit in a terminal, your own orders or the demo data:")
        st.code("smart-retail fit orders.xlsx", language="bash")
        st.code("smart-retail demo", language="bash")


def page_key(title: str) -> str:
    """Return the key of the session state with a page for links to it."""
    return f"page-{title}"


def link(title: str, label: str, icon: str, **address: str) -> None:
    """Show a link to a page, with choices in its address.

    Parameters
    ----------
    title : str
        One of `LINKED_PAGES`.
    label : str
        Text of the link.
    icon : str
        Name of a Material icon.
    **address
        Choices by their names in the address.
    """
    page = st.session_state.get(page_key(title))
    if page is not None:
        st.page_link(page, label=label, icon=icon, query_params=address)


def empty(title: str, text: str) -> None:
    """Show an empty state: what is missing, and what to do next."""
    st.html(html_parts.render("empty.html", title=title, text=text))


def footer() -> None:
    """Show model version, data period and where the engine runs."""
    source = engine_source.configured_source()
    try:
        model = engine_source.model()
    except RetailError:
        parts = ["no model"]
    else:
        parts = [describe_model(model)]
        if model.rules:
            parts.append(f"business rules {model.rules[:12]}")
    parts.append(f"API at {source.api_url}" if source.api_url else "local engine")
    st.html(html_parts.render("footer.html", parts=parts))
