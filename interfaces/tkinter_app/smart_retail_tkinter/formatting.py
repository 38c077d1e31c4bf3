"""Formatting of values: the shared functions of `smart_retail.presentation.formatting`, and some for the window."""

from __future__ import annotations

from smart_retail.presentation.formatting import (
    SEPARATOR,
    describe_model,
    describe_profile,
    describe_value,
    export_metadata,
    format_amount,
    format_integer,
    format_percent,
    join_name_and_id,
    pluralize,
)
from smart_retail.results import CleaningReport

__all__ = [
    "SEPARATOR",
    "cleaning_line",
    "describe_model",
    "describe_profile",
    "describe_value",
    "export_metadata",
    "format_amount",
    "format_integer",
    "format_percent",
    "join_name_and_id",
    "pluralize",
    "quantity",
    "seconds_left",
]


def quantity(value: float) -> str:
    """Return a quantity without trailing zeros: 3.0 -> ``3``, 2.5 -> ``2.5``."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def seconds_left(seconds: float | None) -> str:
    """Return ``about 40 s left`` or ``about 3 min left``; empty without an estimate."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60)} min left"


def cleaning_line(report: CleaningReport) -> str:
    """Return ``51,290 of 51,290 rows can be used · 1,590 customers · ... · 2011-01-01 to 2014-12-31``."""
    return SEPARATOR.join(
        (
            f"{report.rows_accepted:,} of {pluralize(report.rows_in, 'row')} can be used",
            pluralize(report.customers, "customer"),
            pluralize(report.items, "item"),
            pluralize(report.orders, "order"),
            f"{report.first} to {report.last}",
        )
    )
