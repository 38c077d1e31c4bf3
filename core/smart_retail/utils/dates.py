"""Calendar dates as days since 1970-01-01."""

from __future__ import annotations

from datetime import date, timedelta

from smart_retail.errors import RetailError, UsageError

EPOCH = date(1970, 1, 1)


def iso(day: int) -> str:
    """Return the ISO text (YYYY-MM-DD) of days since 1970-01-01."""
    return (EPOCH + timedelta(days=int(day))).isoformat()


def parse_day(text: str, error: type[RetailError] = UsageError) -> int:
    """Return the days since 1970-01-01 of an ISO date.

    Parameters
    ----------
    text : str
        A date such as ``2026-01-31``; spaces around it are ignored.
    error : type of RetailError
        Raised if the text is not a valid date.
    """
    try:
        return (date.fromisoformat(text.strip()) - EPOCH).days
    except ValueError as reason:
        raise error(f"{text!r} is not a valid date (expected YYYY-MM-DD).", "Write dates as 2026-01-31.") from reason
