"""Values as people read them: thousands separators, ISO dates, percentages with one decimal."""

from __future__ import annotations

from smart_retail.results import CleaningReport, CustomerProfile, ModelInfo

DOT = " · "


def whole(value: float) -> str:
    """1234.5 -> ``1,234``."""
    return f"{value:,.0f}"


def amount(value: float, currency: str = "") -> str:
    """1234.5 -> ``1,234.50 EUR``."""
    return f"{value:,.2f} {currency}".rstrip()


def percent(share: float) -> str:
    """0.1234 -> ``12.3 %``."""
    return f"{100 * share:.1f} %"


def quantity(value: float) -> str:
    """3.0 -> ``3``, 2.5 -> ``2.5``."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def count(number: int, one: str, many: str = "") -> str:
    """``1 order``, ``1,590 customers``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def seconds_left(seconds: float | None) -> str:
    """``40 s left``, ``3 min left``; empty where nothing can be said."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s left"
    return f"{round(seconds / 60)} min left"


def name_and_id(name: str, identity: str) -> str:
    """The name before the id, the id alone where there is no name."""
    return f"{name}{DOT}{identity}" if name and name != identity else identity


def model_line(model: ModelInfo) -> str:
    """``model 2026-11-23 · 1,590 customers · data 2011-01-01 to 2014-12-31``."""
    return DOT.join(
        (f"model {model.version}", count(model.customers, "customer"), f"data {model.first} to {model.last}")
    )


def cleaning_line(report: CleaningReport) -> str:
    """``51,290 of 51,290 rows can be used · 1,590 customers · ... · 2011-01-01 to 2014-12-31``."""
    return DOT.join(
        (
            f"{report.rows_accepted:,} of {count(report.rows_in, 'row')} can be used",
            count(report.customers, "customer"),
            count(report.items, "item"),
            count(report.orders, "order"),
            f"{report.first} to {report.last}",
        )
    )


def profile_line(profile: CustomerProfile, currency: str = "") -> str:
    """Who a customer is, in one line; for an unknown one what they get instead."""
    if not profile.known:
        return "unknown customer: the list shows what is popular"
    parts = []
    if profile.rfm is not None:
        rfm = profile.rfm
        parts += [rfm.segment, f"value {rfm.value_tier}", f"R {rfm.r}  F {rfm.f}  M {rfm.m}"]
    if profile.cluster is not None:
        parts.append(f"cluster {profile.cluster.name}")
    parts.append(count(profile.orders, "order") if profile.orders else "no order was kept")
    if profile.rfm is not None:
        parts += [amount(profile.rfm.monetary, currency), f"last order {count(profile.rfm.recency, 'day')} ago"]
    if profile.returned_share > 0:
        parts.append(f"{percent(profile.returned_share)} returned")
    return DOT.join(parts)
