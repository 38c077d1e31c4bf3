"""Sentences about customer value, cohorts and the replenishment calendar: the same on all screens."""

from __future__ import annotations

from collections.abc import Sequence

from smart_retail.presentation.formatting import (
    format_amount,
    format_integer,
    format_percent,
    format_short_amount,
    pluralize,
)
from smart_retail.results import (
    CohortTable,
    CustomerValue,
    ExpectedRevenue,
    ReplenishmentCalendar,
    ValueGroup,
    ValueSummary,
)

DUE_EXPLANATION = (
    "Last purchase plus the usual days between purchases: the customer's own, shrunk towards those of all buyers of "
    "the product."
)
AT_RISK_EXPLANATION = (
    "Churn risk high: at least four of their usual intervals without an order. Most spend at risk first."
)
NOTHING_DUE = "No customer is due to buy a product again in these days. Try more days."


def describe_expected_spend(summary: ValueSummary, currency: str = "") -> str:
    """Return "Expected spend of the next 90 days: 120,000 EUR, 80 % sure between 110 k and 131 k"."""
    days = pluralize(summary.horizon_days, "day")
    spend = f"{format_integer(summary.expected_spend)} {currency}".rstrip()
    low, high = format_short_amount(summary.spend_low), format_short_amount(summary.spend_high)
    return f"Expected spend of the next {days}: {spend}, 80 % sure between {low} and {high}"


def describe_best_group(kind: str, groups: Sequence[ValueGroup]) -> str:
    """Return which of the groups (``segment`` or ``cluster``) brings most of the expected spend."""
    best = max(groups, key=lambda g: g.expected_spend, default=None)
    if best is None:
        return f"Expected value by {kind}"
    return f"By {kind}: {best.name} customers bring {format_percent(best.spend_share)} of the expected spend"


def describe_tenths(groups: Sequence[ValueGroup]) -> str:
    """Return how much of the expected spend the best tenth of the customers brings; empty without groups."""
    if not groups:
        return ""
    return f"The best tenth of the customers brings {format_percent(groups[0].spend_share)} of the expected spend"


def describe_revenue(outlook: Sequence[ExpectedRevenue]) -> str:
    """Return the expected revenue of the longest horizon as a sentence."""
    last = outlook[-1]
    return (
        f"Revenue of the next {last.horizon_days} days: {format_short_amount(last.expected)}, 80 % sure between "
        f"{format_short_amount(last.low)} and {format_short_amount(last.high)}"
    )


def describe_at_risk(values: Sequence[CustomerValue], currency: str = "") -> str:
    """Return how many customers to contact first, and what they spent so far."""
    total = format_amount(sum(v.spend for v in values), currency)
    verb = "has" if len(values) == 1 else "have"
    customers = pluralize(len(values), "customer")
    return f"Contact first: {customers} worth {total} so far {verb} stayed away much longer than usual"


def describe_due(found: ReplenishmentCalendar) -> str:
    """Return the number of purchases that are due."""
    return f"{pluralize(found.total, 'purchase')} due in the {pluralize(found.days, 'day')} from {found.start}"


def describe_retention(found: CohortTable) -> str:
    """Return the mean share of new customers who order again; what to do if the history is too short."""
    period = found.period
    if len(found.mean_retention) < 2:
        return f"Cohorts need orders in at least two {period}s. Try a shorter period."
    first, later = found.mean_retention[1], min(6, len(found.mean_retention) - 1)
    return (
        f"{format_percent(first)} of new customers order again in the {period} after their first order, "
        f"{format_percent(found.mean_retention[later])} in {period} {later}"
    )
