"""The basket of the Products page: products are added one by one, and the list completes them."""

from __future__ import annotations

import streamlit as st

from smart_retail.presentation.formatting import join_name_and_id
from smart_retail.protocol import RetailEngine
from smart_retail_streamlit.html_parts import escape_markdown

_KEY = "basket"
MAX_PRODUCTS = 50


def contents() -> dict[str, str]:
    """Return id and name of the products in the basket, in the order in which they were added."""
    found: dict[str, str] = st.session_state.setdefault(_KEY, {})
    return found


def add_button(item_id: str, name: str) -> None:
    """Show the button that adds a product."""
    basket = contents()
    st.button(
        "In the basket" if item_id in basket else "Add to basket",
        icon=":material/add_shopping_cart:",
        key="add-to-basket",
        disabled=item_id in basket or len(basket) >= MAX_PRODUCTS,
        on_click=basket.__setitem__,
        args=(item_id, name),
        width="stretch",
    )


def show(engine: RetailEngine) -> str | None:
    """Show the basket, and return the id of its customer, None for a visitor; nothing is shown for an empty basket."""
    basket = contents()
    if not basket:
        return None
    with st.container(border=True, key="basket-panel"):
        st.markdown("**Basket**")
        for item_id, name in basket.items():
            st.button(
                escape_markdown(join_name_and_id(name, item_id)),
                icon=":material/close:",
                key=f"basket-{item_id}",
                type="tertiary",
                help="Take it out of the basket",
                on_click=basket.__delitem__,
                args=(item_id,),
            )
        text: str = st.text_input(
            "Customer, if known", key="basket-customer", placeholder="Customer id", max_chars=200
        ).strip()
        if text and not engine.customer(text).known:
            st.caption("No customer has this id: the list is that of a visitor.")
        st.button("Empty the basket", type="tertiary", key="basket-empty", on_click=basket.clear)
    return text or None
