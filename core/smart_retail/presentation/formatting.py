"""Number, amount and date formats of all front ends: thousands separators, ISO dates, one decimal for percentages."""

from __future__ import annotations

from smart_retail.presentation import labels
from smart_retail.results import CustomerProfile, CustomerValue, ModelInfo, Recommendation

SEPARATOR = " · "


def format_integer(value: float) -> str:
    """Return 1234.5 as ``1,234``."""
    return f"{value:,.0f}"


def format_amount(value: float, currency: str = "") -> str:
    """Return 1234.5 as ``1,234.50 EUR``."""
    return f"{value:,.2f} {currency}".rstrip()


def format_short_amount(value: float) -> str:
    """1234567.0 -> ``1.23 m``: three significant digits and a suffix, for charts and sentences."""
    for edge, suffix in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= edge:
            return f"{value / edge:.3g} {suffix}"
    return f"{value:.0f}"


def format_percent(share: float) -> str:
    """Return 0.1234 as ``12.3 %``."""
    return f"{100 * share:.1f} %"


def format_score(value: float) -> str:
    """Return a score with at most six significant digits."""
    return f"{value:.6g}"


def describe_score(item: Recommendation) -> str:
    """Return ``0.412345 from CF``: the score, and the method with the largest share in it."""
    return f"{format_score(item.score)} from {labels.method_label(item.source)}"


def pluralize(number: int, one: str, many: str = "") -> str:
    """Return ``1 order`` or ``1,590 customers``; `many` is by default `one` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def format_bytes(number_of_bytes: int) -> str:
    """Return 12345678 as ``12.3 MB`` (decimal units)."""
    if number_of_bytes < 1000:
        return pluralize(number_of_bytes, "byte")
    value = float(number_of_bytes)
    units = iter(("kB", "MB", "GB", "TB"))
    unit = ""
    while value >= 999.95 and (larger := next(units, "")):
        value, unit = value / 1000, larger
    return f"{value:,.1f} {unit}"


def join_name_and_id(name: str, identity: str) -> str:
    """Return ``Name · id``, or the id alone if there is no name."""
    return f"{name}{SEPARATOR}{identity}" if name and name != identity else identity


def export_metadata(model: ModelInfo) -> dict[str, str]:
    """Return model version and data period, which every exported file states."""
    return {"Model version": model.version, "Data period": f"{model.first} to {model.last}"}


def describe_model(model: ModelInfo) -> str:
    """Return version, customers and data period in one line, and a warning if the business rules are not up to date.

    ``model 20261123T101500Z-1a2b3c4d · 1,590 customers · data 2011-01-01 to 2014-12-31``
    """
    parts = [f"model {model.version}", pluralize(model.customers, "customer"), f"data {model.first} to {model.last}"]
    if model.rules_error:
        parts.append(f"Warning: the changed business rules are not used. {model.rules_error}")
    return SEPARATOR.join(parts)


def describe_gaps(number: float) -> str:
    """Return a number of usual gaps between two orders: ``3.2 usual gaps``."""
    return f"{number:g} usual gap{'' if number == 1 else 's'}"


def describe_last_order(profile: CustomerProfile) -> str:
    """Return how long ago the last order is, in days and in usual gaps between two orders.

    ``last order 19 days ago (3.2 usual gaps), usually every 6 days``; empty without a kept purchase.
    """
    ago = f"last order {pluralize(profile.rfm.recency, 'day')} ago" if profile.rfm else ""
    if not ago or profile.usual_interval_days is None:
        return ago
    gaps = profile.usual_intervals_since_order
    since = "" if gaps is None else f" ({describe_gaps(gaps)})"
    return f"{ago}{since}, usually every {pluralize(max(1, round(profile.usual_interval_days)), 'day')}"


def describe_profile(profile: CustomerProfile, currency: str = "") -> str:
    """Summarize a customer in one line; an unknown customer gets a note on the popular list."""
    if not profile.known:
        return "unknown customer: the list shows what is popular"
    parts = []
    if profile.rfm is not None:
        rfm = profile.rfm
        parts += [rfm.segment, f"value {rfm.value_tier}", f"R {rfm.r} F {rfm.f} M {rfm.m}"]
    if profile.cluster is not None:
        parts.append(f"cluster {profile.cluster.name}")
    parts.append(pluralize(profile.orders, "order") if profile.orders else "all orders returned")
    if profile.rfm is not None:
        parts += [
            format_amount(profile.rfm.monetary, currency),
            describe_last_order(profile),
        ]
    if profile.returned_share > 0:
        parts.append(f"{format_percent(profile.returned_share)} returned")
    return SEPARATOR.join(parts)


def value_facts(value: CustomerValue, currency: str = "") -> dict[str, str]:
    """Return label and text of each figure of a customer's forecast, in the order of the screens."""
    days = pluralize(value.horizon_days, "day")
    years = pluralize(round(value.lifetime_days / 365), "year")
    return {
        f"Expected spend, next {days}": format_amount(value.expected_spend, currency),
        f"Expected orders, next {days}": f"{value.expected_orders:,.2f}",
        f"Likely to order within {days}": format_percent(value.return_probability),
        "Next order, if it comes": f"{value.next_order_date} (80 %: {value.next_order_low} to {value.next_order_high})",
        "Usual days between orders": format_integer(value.usual_interval_days),
        "Churn risk": value.churn_risk,
        f"Lifetime value, {years}": format_amount(value.lifetime_value, currency),
        "Spend so far": format_amount(value.spend, currency),
    }


def describe_value(value: CustomerValue, currency: str = "") -> str:
    """Return the forecast of a customer in one line: ``Churn risk: low · Spend so far: 9.00 · ...``, then its notes."""
    facts = SEPARATOR.join(f"{label}: {text}" for label, text in value_facts(value, currency).items())
    return SEPARATOR.join((facts, *value.notes))
