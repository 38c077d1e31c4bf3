"""Customer value on the customer page: a forecast in, HTML out."""

from __future__ import annotations

from markupsafe import Markup

from smart_retail.presentation.formatting import value_facts
from smart_retail.results import CustomerValue
from smart_retail_streamlit import html


def card(value: CustomerValue, currency: str) -> Markup:
    """Return the forecast of one customer as a list of facts, with its notes."""
    notes = Markup().join(html.note(note) for note in value.notes)
    return html.finding("What to expect") + html.facts(value_facts(value, currency), "sr-facts sr-value") + notes
