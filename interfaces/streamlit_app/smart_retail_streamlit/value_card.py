"""Customer value on the customer page: a forecast in, HTML out."""

from __future__ import annotations

from markupsafe import Markup

from smart_retail.presentation.formatting import value_facts
from smart_retail.results import CustomerValue
from smart_retail_streamlit import html_parts


def card(value: CustomerValue, currency: str) -> Markup:
    """Return the forecast of one customer as a list of facts, with its notes."""
    notes = Markup().join(html_parts.note(note) for note in value.notes)
    return (
        html_parts.finding("What to expect")
        + html_parts.facts(value_facts(value, currency), "sr-facts sr-value")
        + notes
    )
