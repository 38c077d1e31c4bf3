"""Search boxes for customers and products. The selected id is kept in the address, so that a view can be shared."""

from __future__ import annotations

import random
from collections.abc import Sequence

import streamlit as st

from smart_retail.presentation.formatting import join_name_and_id
from smart_retail.protocol import RetailEngine
from smart_retail_streamlit.html_parts import escape_markdown

MATCHES = 8
"""Matches shown below a search box."""

MAX_TEXT_LENGTH = 200
"""Characters of a search text; longer text is cut."""

Match = tuple[str, str]
"""Id and label."""


def customer(engine: RetailEngine) -> str | None:
    """Return the customer selected by the address, the search box or the random button."""
    with st.container(horizontal=True, gap="small"):
        text = _text_input("customer", "Search id or name")
        st.button(
            "Random",
            icon=":material/shuffle:",
            on_click=_select_random_customer,
            args=(engine,),
            help="Show any customer of the model",
        )
    if text:
        found = engine.search_customers(text, MATCHES)
        matches = [(m.customer_id, _label(join_name_and_id(m.customer_name, m.customer_id), m.segment)) for m in found]
        if text not in [m.customer_id for m in found]:
            matches.append((text, f"Use “{escape_markdown(text)}” as the id of a new customer"))
        _show_matches("customer", matches)
    return _selected("customer")


def item(engine: RetailEngine) -> str | None:
    """Return the product selected by the address or the search box."""
    text = _text_input("item", "Search product id or name")
    if text:
        found = engine.search_items(text, MATCHES)
        _show_matches(
            "item", [(i.item_id, _label(join_name_and_id(i.item_name, i.item_id), i.category)) for i in found]
        )
        if not found:
            st.caption("No product id or name contains this text. Try a shorter part of it.")
    return _selected("item")


def _selected(kind: str) -> str | None:
    """Return the id in the address, or the last one selected before the visitor went to another page."""
    identifier: str | None = st.query_params.get(kind) or st.session_state.get(f"last-{kind}")
    if identifier:
        st.query_params[kind] = st.session_state[f"last-{kind}"] = identifier
    return identifier


def clear_selection(kind: str) -> None:
    """Remove the selection of a customer or product."""
    st.query_params.pop(kind, None)
    st.session_state.pop(f"last-{kind}", None)


def select(kind: str, identifier: str) -> None:
    """Select a customer or product, and empty the search box."""
    st.query_params[kind] = identifier
    st.session_state[f"search-{kind}"] = ""


def _text_input(kind: str, placeholder: str) -> str:
    text: str = st.text_input(
        placeholder,
        key=f"search-{kind}",
        type="search",
        live=True,
        placeholder=placeholder,
        label_visibility="collapsed",
    )
    return text[:MAX_TEXT_LENGTH].strip()


def _show_matches(kind: str, matches: Sequence[Match]) -> None:
    with st.container(border=True, key="matches"):
        for identifier, label in matches:
            st.button(
                label,
                key=f"hit-{kind}-{identifier}",
                type="tertiary",
                width="stretch",
                on_click=select,
                args=(kind, identifier),
            )


def _label(name: str, group: str) -> str:
    return escape_markdown(name) + (f" :gray[{escape_markdown(group)}]" if group else "")


def _select_random_customer(engine: RetailEngine) -> None:
    points = engine.cluster_points(limit=1000)
    if points:
        select("customer", random.choice(points).customer_id)  # noqa: S311  # not used for security
