"""Search boxes: text in, the id of a customer or item out, kept in the address so that a view can be shared."""

from __future__ import annotations

import random
from collections.abc import Sequence

import streamlit as st

from smart_retail.presentation.formatting import join_name_and_id
from smart_retail.protocol import RetailEngine
from smart_retail_streamlit.html import plain

MATCHES = 8
"""Hits shown below a search box."""

MAX_TEXT_LENGTH = 200
"""Of a search text; what is longer is no id and no name."""

Hit = tuple[str, str]
"""Id and label."""


def customer(engine: RetailEngine) -> str | None:
    """The customer that is looked at, from the address, the search box or by chance."""
    with st.container(horizontal=True, gap="small"):
        text = _box("customer", "Search id or name")
        st.button(
            "Random", icon=":material/shuffle:", on_click=_random, args=(engine,), help="Any customer of the model"
        )
    if text:
        found = engine.search_customers(text, MATCHES)
        hits = [(m.customer_id, _label(join_name_and_id(m.customer_name, m.customer_id), m.segment)) for m in found]
        if text not in [m.customer_id for m in found]:
            hits.append((text, f"Take “{plain(text)}” as a new customer's id"))
        _hits("customer", hits)
    return _selected("customer")


def item(engine: RetailEngine) -> str | None:
    """The item that is looked at, from the address or the search box."""
    text = _box("item", "Search product id or name")
    if text:
        found = engine.search_items(text, MATCHES)
        _hits("item", [(i.item_id, _label(join_name_and_id(i.item_name, i.item_id), i.category)) for i in found])
        if not found:
            st.caption("No product has this in its id or name. Try a shorter piece of it.")
    return _selected("item")


def _selected(what: str) -> str | None:
    """The id in the address, else the one looked at before the visitor went to another page."""
    identity = st.query_params.get(what) or st.session_state.get(f"last-{what}")
    if identity:
        st.query_params[what] = st.session_state[f"last-{what}"] = identity
    return identity


def forget(what: str) -> None:
    """Back to the page without a choice."""
    st.query_params.pop(what, None)
    st.session_state.pop(f"last-{what}", None)


def choose(what: str, identifier: str) -> None:
    """Look at this one: into the address, and the search box is emptied."""
    st.query_params[what] = identifier
    st.session_state[f"search-{what}"] = ""


def _box(what: str, placeholder: str) -> str:
    return st.text_input(
        placeholder,
        key=f"search-{what}",
        type="search",
        live=True,
        placeholder=placeholder,
        label_visibility="collapsed",
    )[:MAX_TEXT_LENGTH].strip()  # type: ignore[union-attr]


def _hits(what: str, hits: Sequence[Hit]) -> None:
    with st.container(border=True, key="matches"):
        for identifier, label in hits:
            st.button(
                label,
                key=f"hit-{what}-{identifier}",
                type="tertiary",
                width="stretch",
                on_click=choose,
                args=(what, identifier),
            )


def _label(name: str, group: str) -> str:
    return plain(name) + (f" :gray[{plain(group)}]" if group else "")


def _random(engine: RetailEngine) -> None:
    points = engine.cluster_points(limit=1000)
    if points:
        choose("customer", random.choice(points).customer_id)  # noqa: S311  # no secret
