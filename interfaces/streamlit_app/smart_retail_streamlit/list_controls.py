"""Controls of a list: method, length, category, and whether purchased products are hidden."""

from __future__ import annotations

import streamlit as st

from smart_retail.presentation import labels
from smart_retail.protocol import DEFAULT_METHOD, MAX_N
from smart_retail_streamlit import query_params


def method() -> str:
    """Return the chosen method."""
    default = query_params.read("method", DEFAULT_METHOD, list(labels.METHODS))
    chosen: str = (
        st.segmented_control(
            "Method",
            list(labels.METHODS),
            default=default,
            required=True,
            format_func=labels.method_label,
            key="method",
            label_visibility="collapsed",
        )
        or DEFAULT_METHOD
    )
    query_params.write("method", chosen, DEFAULT_METHOD)
    return chosen


def list_length() -> int:
    """Return the chosen number of products."""
    default = query_params.read("n", 10, range(1, MAX_N + 1))
    n = int(st.number_input("Products", 1, MAX_N, default, key="n", width=120))
    query_params.write("n", n, 10)
    return n


def category(names: list[str]) -> str:
    """Return the chosen category, empty for all."""
    choices = ["", *names]
    index = choices.index(query_params.read("category", "", choices))
    chosen = st.selectbox("Category", choices, index, key="category", format_func=lambda c: c or "All", width=260) or ""
    query_params.write("category", chosen, "")
    return chosen


def hide_purchased(default: bool) -> bool:
    """Return whether products that the customer has bought are left out."""
    hide = st.checkbox("Hide purchased products", query_params.read("hide", default), key="hide")
    query_params.write("hide", hide, default)
    return hide
