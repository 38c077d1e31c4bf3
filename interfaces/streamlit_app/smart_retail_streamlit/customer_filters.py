"""Controls of the filters of a table of customers, kept in the address, and the address of a campaign for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

import streamlit as st

from smart_retail.errors import UsageError
from smart_retail.protocol import CHURN_RISKS, FILTER_NAMES, CustomerFilter, CustomerQuery, RetailEngine
from smart_retail_streamlit import engine_source, query_params, search_box

PREFIX: Final = "customers-"
"""Begin of the names of a filter in the address of another page, which has choices of its own."""
DUE_DAYS: Final = (7, 14, 30, 60)
"""Days within which customers can be chosen to be due to buy again."""
_NUMBERS: Final[dict[str, Callable[[str], Any]]] = {"due_days": int, "min_amount": float, "max_amount": float}


def choose(engine: RetailEngine, on_change: Callable[[], None]) -> CustomerFilter:
    """Show the controls and return the chosen filter.

    Parameters
    ----------
    engine : RetailEngine
    on_change : callable
        Called when a control changes.

    Raises
    ------
    UsageError
        A range has its ends in the wrong order.
    """
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        found: dict[str, Any] = {
            "text": _text(on_change),
            "segment": _one_of("segment", "Segment", [s.name for s in engine.segments()], on_change),
            "cluster": _one_of("cluster", "Cluster", list(dict.fromkeys(c.name for c in engine.clusters())), on_change),
        }
        countries = engine.customers(CustomerQuery(n=1)).countries
        if len(countries) > 1:
            found["country"] = _one_of("country", "Country", list(countries), on_change)
    with (
        st.expander("More filters", expanded=_has_more()),
        st.container(horizontal=True, gap="small", vertical_alignment="bottom"),
    ):
        found |= _choose_more(engine, on_change)
    return CustomerFilter(**{name: value for name, value in found.items() if value is not None})


def address(selected: CustomerFilter) -> dict[str, str]:
    """Return the filter as choices in the address of another page."""
    return {PREFIX + name: str(value) for name, value in selected.conditions.items()}


def read_address() -> CustomerFilter:
    """Return the filter that another page has put into the address.

    Raises
    ------
    UsageError
        A value in the address is not valid.
    """
    texts = {name: st.query_params[PREFIX + name] for name in FILTER_NAMES if PREFIX + name in st.query_params}
    try:
        return CustomerFilter(**{name: _NUMBERS.get(name, str)(text) for name, text in texts.items()})
    except ValueError:
        raise UsageError(
            "The address of the page has a number that is not valid.", "Open the Customers page."
        ) from None


def clear_address() -> None:
    """Remove the filter that another page has put into the address."""
    for name in FILTER_NAMES:
        st.query_params.pop(PREFIX + name, None)


def _has_more() -> bool:
    """Return whether a filter of the second line is chosen."""
    first = ("text", "segment", "cluster", "country")
    return any(name in st.query_params for name in FILTER_NAMES if name not in first)


def _choose_more(engine: RetailEngine, on_change: Callable[[], None]) -> dict[str, Any]:
    currency = engine_source.model().currency
    unit = f" ({currency})" if currency else ""
    due = _one_of("due_days", "Due to buy again", [str(days) for days in DUE_DAYS], on_change, _due_label)
    return {
        "category": _one_of("category", "Bought in", engine.categories(), on_change),
        "churn_risk": _one_of("churn_risk", "Churn risk", list(CHURN_RISKS), on_change),
        "due_days": int(due) if due else None,
        "min_amount": _amount("min_amount", f"Amount from{unit}", on_change),
        "max_amount": _amount("max_amount", f"Amount to{unit}", on_change),
        "last_order_from": _day("last_order_from", "Last order from", on_change),
        "last_order_to": _day("last_order_to", "Last order to", on_change),
    }


def _due_label(choice: str) -> str:
    return f"Within {choice} days" if choice else "All"


def _text(on_change: Callable[[], None]) -> str:
    text: str = st.text_input(
        "Search id or name",
        query_params.read("text", ""),
        key="customers-text",
        max_chars=search_box.MAX_TEXT_LENGTH,
        width=220,
        on_change=on_change,
    ).strip()
    query_params.write("text", text, "")
    return text


def _one_of(
    name: str,
    label: str,
    names: list[str],
    on_change: Callable[[], None],
    text_of: Callable[[str], str] = lambda choice: choice or "All",
) -> str:
    """Return the chosen name, empty for all; it is kept in the address."""
    choices = ["", *names]
    index = choices.index(query_params.read(name, "", choices))
    chosen = st.selectbox(
        label, choices, index, key=f"customers-{name}", format_func=text_of, width=200, on_change=on_change
    )
    query_params.write(name, chosen, "")
    return chosen or ""


def _amount(name: str, label: str, on_change: Callable[[], None]) -> float | None:
    text = query_params.read(name, "")
    try:
        given = float(text) if text else None
    except ValueError:
        given = None
    value = st.number_input(
        label, value=given, step=50.0, key=f"customers-{name}", placeholder="No limit", width=150, on_change=on_change
    )
    query_params.write(name, "" if value is None else str(value), "")
    return value


def _day(name: str, label: str, on_change: Callable[[], None]) -> str | None:
    text = query_params.read(name, "")
    try:
        given = date.fromisoformat(text) if text else None
    except ValueError:
        given = None
    chosen = st.date_input(
        label, given, key=f"customers-{name}", format="YYYY-MM-DD", width=150, on_change=on_change,
        min_value=date(1970, 1, 1),
    )  # fmt: skip
    day = chosen.isoformat() if isinstance(chosen, date) else ""
    query_params.write(name, day, "")
    return day or None
