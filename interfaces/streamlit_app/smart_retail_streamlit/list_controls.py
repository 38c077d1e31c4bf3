"""The controls of a list: method, length, category, and whether purchased items are hidden."""

from __future__ import annotations

import streamlit as st

from smart_retail.presentation import labels as words
from smart_retail.protocol import DEFAULT_METHOD, MAX_N
from smart_retail_streamlit import query_params as address


def method() -> str:
    default = address.start("method", DEFAULT_METHOD, list(words.METHODS))
    chosen: str = st.segmented_control(
        "Method", list(words.METHODS), default=default, required=True, format_func=words.method_label, key="method",
        label_visibility="collapsed",
    ) or DEFAULT_METHOD  # fmt: skip
    address.keep("method", chosen, DEFAULT_METHOD)
    return chosen


def how_many() -> int:
    n = int(st.number_input("Items", 1, MAX_N, address.start("n", 10, range(1, MAX_N + 1)), key="n", width=120))
    address.keep("n", n, 10)
    return n


def category(names: list[str]) -> str:
    """The category asked for, empty for any."""
    choices = ["", *names]
    index = choices.index(address.start("category", "", choices))
    chosen = st.selectbox("Category", choices, index, key="category", format_func=lambda c: c or "Any", width=260) or ""
    address.keep("category", chosen, "")
    return chosen


def hide_purchased(default: bool) -> bool:
    hide = st.checkbox("Hide what was bought", address.start("hide", default), key="hide")
    address.keep("hide", hide, default)
    return hide
