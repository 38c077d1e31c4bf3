"""Texts of a comparison of sales: the same in the terminal and on the screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from smart_retail.presentation.formatting import format_amount, format_integer, format_percent
from smart_retail.results import SalesComparison, SalesFigures

PERIODS: Final = {7: "7 days", 28: "28 days", 91: "13 weeks", 364: "52 weeks"}
"""Days of the periods that screens offer -> label; whole weeks, so that all weekdays count alike."""
Format = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Figure:
    """One key figure of a period with its changes."""

    name: str
    """Field of `SalesFigures`."""
    label: str
    value: str
    changes: dict[str, str]
    """Earlier period, such as "a year ago" -> change, such as "▲ 4.2 %"; only for periods that the history covers."""


def last_days(days: int, first: str, last: str) -> tuple[str, str]:
    """Return the first and the last day of a period at the end of the history, as ISO dates, both included.

    Parameters
    ----------
    days : int
        Length of the period, 1 and up; a shorter history is returned whole.
    first, last : str
        First and last day of the history.
    """
    start = date.fromisoformat(last) - timedelta(days=days - 1)
    return str(max(date.fromisoformat(first), start)), last


def format_change(current: float, earlier: float) -> str:
    """Return a relative change with an arrow: "▲ 4.2 %", "▼ 4.2 %", "= 0.0 %", or "from 0" without an earlier value."""
    if not earlier:
        return "= 0.0 %" if not current else "from 0"
    change = current / earlier - 1
    arrow = "=" if abs(change) < 0.0005 else "▲" if change > 0 else "▼"
    return f"{arrow} {100 * abs(change):,.1f} %"


def format_points(current: float, earlier: float) -> str:
    """Return the change of a share in percentage points: "▲ 1.3 points"."""
    change = 100 * (current - earlier)
    arrow = "=" if abs(change) < 0.05 else "▲" if change > 0 else "▼"
    return f"{arrow} {abs(change):.1f} points"


def earlier_labels(comparison: SalesComparison) -> dict[str, str]:
    """Return how the period before and the year before are called, for those that the history covers."""
    days = _days(comparison.current)
    names = {"previous": f"the {days} days before" if days > 1 else "the day before", "year_ago": "a year ago"}
    return {name: text for name, text in names.items() if getattr(comparison, name) is not None}


def key_figures(comparison: SalesComparison, currency: str) -> list[Figure]:
    """Return the key figures of a period as texts, most important first."""

    def amount(value: float) -> str:
        return format_amount(value, currency)

    return [
        _figure(comparison, "revenue", "Net revenue", amount),
        _figure(comparison, "orders", "Orders", format_integer),
        _figure(comparison, "customers", "Customers", format_integer),
        _figure(comparison, "average_order_value", "Average order value", amount),
        _figure(comparison, "returning_share", "Returning customers", format_percent, format_points),
        _figure(comparison, "new_customers", "New customers", format_integer),
        _figure(comparison, "units", "Units", lambda value: format_integer(round(value))),
        _figure(comparison, "returned_amount", "Returned later", amount),
    ]


def describe_sales(comparison: SalesComparison, currency: str) -> str:
    """Return the result as a sentence: "Net revenue of 28 days: 312,000.00, ▲ 4.2 % against the 28 days before."."""
    revenue = key_figures(comparison, currency)[0]
    days = _days(comparison.current)
    changes = "".join(f", {change} against {period}" for period, change in revenue.changes.items())
    return f"Net revenue of {days} {'day' if days == 1 else 'days'}: {revenue.value}{changes}."


def _figure(
    comparison: SalesComparison,
    name: str,
    label: str,
    form: Format,
    change: Callable[[float, float], str] = format_change,
) -> Figure:
    current = getattr(comparison.current, name)
    changes = {
        period: change(current, getattr(getattr(comparison, earlier), name))
        for earlier, period in earlier_labels(comparison).items()
    }
    return Figure(name, label, form(current), changes)


def _days(figures: SalesFigures) -> int:
    return (date.fromisoformat(figures.last) - date.fromisoformat(figures.first)).days + 1
