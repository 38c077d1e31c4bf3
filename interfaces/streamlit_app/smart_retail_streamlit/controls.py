"""Controls that several pages share: method, length and filters of a list, horizon, and choices kept in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import streamlit as st

from smart_retail.presentation import labels
from smart_retail.protocol import ALL, DEFAULT_METHOD, MAX_LIST_DAYS, MAX_N
from smart_retail.results import ListScenario
from smart_retail_streamlit import query_params

SINGLE_METHODS = [method for method in labels.METHODS if method != ALL]
"""Methods with one list, in the order of the screens."""
HORIZONS_DAYS = (30, 60, 90, 180, 365)
"""Horizons of a forecast that can be chosen."""


def choice(name: str, options: Mapping[str, str], default: str, *, key: str, label: str = "") -> str:
    """Return the chosen option, which is kept in the address.

    Parameters
    ----------
    name : str
        Name in the address.
    options : mapping
        Option -> text.
    default : str
        One of the options; it is left out of the address.
    key : str
        Key of the control.
    label : str
        Shown above the control.
    """
    chosen: str = (
        st.segmented_control(
            label or name.capitalize(),
            list(options),
            default=query_params.read(name, default, list(options)),
            required=True,
            key=key,
            format_func=lambda option: options[str(option)],
            label_visibility="visible" if label else "collapsed",
        )
        or default
    )
    query_params.write(name, chosen, default)
    return chosen


def days_labels(days: tuple[int, ...]) -> dict[str, str]:
    """Return the options of a `choice` of days: "Next 30 days"."""
    return {str(d): f"Next {d} days" for d in days}


def method() -> str:
    """Return the chosen method."""
    texts = {name: labels.method_label(name) for name in labels.METHODS}
    return choice("method", texts, DEFAULT_METHOD, key="method")


def single_method(key: str) -> str:
    """Return the chosen method with one list; it is not kept in the address."""
    return st.selectbox("Method", SINGLE_METHODS, format_func=labels.method_label, key=key) or DEFAULT_METHOD


def scenario(found: Sequence[ListScenario]) -> str | None:
    """Return the chosen scenario of the business rules, None for none; there is nothing to choose without scenarios."""
    if not found:
        return None
    texts = {"": "None", **{s.name: f"{s.name} ({labels.method_label(s.method)}, {s.n})" for s in found}}
    index = list(texts).index(query_params.read("scenario", "", list(texts)))
    chosen = st.selectbox(
        "Scenario",
        list(texts),
        index,
        key="scenario",
        format_func=lambda name: texts.get(name, name),
        width=220,
        help="Method, number of products, diversity and rules by one name, from the rules file.",
    )
    query_params.write("scenario", chosen or "", "")
    return chosen or None


def price_and_exclude() -> dict[str, Any]:
    """Return the filters by price and id, as options of a list."""
    with st.popover("Price and exclusions", icon=":material/filter_alt:"):
        low = st.number_input("Price from", 0.0, value=None, key="price-min", help="Products without a price are kept.")
        high = st.number_input("Price to", 0.0, value=None, key="price-max")
        without = st.multiselect(
            "Without these products", [], key="exclude", accept_new_options=True, placeholder="Product ids"
        )
    return {"price_min": low, "price_max": high, "exclude": without}


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


def list_date(last_day: str) -> str | None:
    """Return the date that a list is for, None for the day after the last day of the history."""
    last = date.fromisoformat(last_day)
    days = {(last + timedelta(days=days)).isoformat() for days in range(1, MAX_LIST_DAYS + 1)}
    text = query_params.read("on", "")
    chosen = st.date_input(
        "For the date",
        date.fromisoformat(text) if text in days else None,
        min_value=min(days),
        max_value=max(days),
        key="on",
        format="YYYY-MM-DD",
        width=150,
        help="What is due to buy again depends on the date. Without one, the list is for the day after the last order.",
    )
    on = chosen.isoformat() if isinstance(chosen, date) else ""
    query_params.write("on", on, "")
    return on or None


def hide_purchased(default: bool) -> bool:
    """Return whether products that the customer has bought are left out."""
    hide = st.checkbox("Hide purchased products", query_params.read("hide", default), key="hide")
    query_params.write("hide", hide, default)
    return hide
