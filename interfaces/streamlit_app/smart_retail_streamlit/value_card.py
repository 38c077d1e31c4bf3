"""Customer value on the customer page: a forecast in, HTML out."""

from __future__ import annotations

from markupsafe import Markup

from smart_retail.presentation.formatting import format_amount, format_percent
from smart_retail.results import CustomerValue
from smart_retail_streamlit import html


def card(value: CustomerValue, currency: str) -> Markup:
    """Return the forecast of one customer as a list of facts, with its notes."""
    facts = {
        f"Orders, next {value.horizon_days} days": f"{value.expected_orders:,.1f}",
        f"Spend, next {value.horizon_days} days": format_amount(value.expected_spend, currency),
        f"Orders again within {value.horizon_days} days": format_percent(value.return_probability),
        "Next order, if so": f"{value.next_order_date} ({value.next_order_low} to {value.next_order_high})",
        "Usual days between orders": f"{value.usual_interval_days:,.0f}",
        "Churn risk": value.churn_risk,
        f"Lifetime value, {value.lifetime_days // 365} years": format_amount(value.lifetime_value, currency),
        "Spend so far": format_amount(value.spend, currency),
    }
    notes = Markup().join(html.note(note) for note in value.notes)
    return html.finding("Expected") + html.facts(facts, "sr-facts") + notes
