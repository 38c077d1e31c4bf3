"""Words for a filter of customers, which all front ends show next to a table or a campaign."""

from __future__ import annotations

from smart_retail.presentation.formatting import format_amount, pluralize
from smart_retail.protocol import CustomerFilter


def describe_filter(selected: CustomerFilter, currency: str) -> str:
    """Return the conditions of a filter, such as ``segment Champions, country Norway``; empty for all customers."""
    parts = [
        f"id or name contains {selected.text!r}" if selected.text else "",
        f"segment {selected.segment}" if selected.segment else "",
        f"cluster {selected.cluster}" if selected.cluster else "",
        f"country {selected.country}" if selected.country else "",
        f"bought in {selected.category}" if selected.category else "",
        f"churn risk {selected.churn_risk}" if selected.churn_risk else "",
        f"due to buy again within {pluralize(selected.due_days, 'day')}" if selected.due_days is not None else "",
        _range("amount", *(_amount(value, currency) for value in (selected.min_amount, selected.max_amount))),
        _range("last order", selected.last_order_from or "", selected.last_order_to or ""),
    ]
    return ", ".join(part for part in parts if part)


def _amount(value: float | None, currency: str) -> str:
    return "" if value is None else format_amount(value, currency)


def _range(name: str, low: str, high: str) -> str:
    if low and high:
        return f"{name} {low} to {high}"
    if low:
        return f"{name} from {low}"
    return f"{name} up to {high}" if high else ""
