"""Calendar dates as days since 1970-01-01."""

from __future__ import annotations

import difflib
import functools
import zoneinfo
from datetime import UTC, date, datetime, timedelta
from typing import Final

from smart_retail.errors import RetailError, SettingsError, UsageError

EPOCH = date(1970, 1, 1)
NO_DAY: Final = -(2**31)
"""Stands for no day in an int32 array of days since 1970-01-01."""
MAX_DAYS_AHEAD: Final = 2
"""Days that a purchase may be dated after today (UTC): more than time zones and clocks differ."""


@functools.lru_cache(maxsize=16_384)
def iso(day: int) -> str:
    """Return the ISO text (YYYY-MM-DD) of days since 1970-01-01."""
    return (EPOCH + timedelta(days=int(day))).isoformat()


def last_plausible_day(now: datetime | None = None) -> int:
    """Return the last day on which a purchase may be dated, days since 1970-01-01.

    Parameters
    ----------
    now : datetime, optional
        Current time in UTC; by default that of the system.
    """
    return ((now or datetime.now(UTC)).date() - EPOCH).days + MAX_DAYS_AHEAD


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


def check_zone(name: str) -> None:
    """Raise `SettingsError` if a text is not the name of a time zone; an empty text is valid."""
    zones = zoneinfo.available_timezones()
    if name and zones and name not in zones:
        near = difflib.get_close_matches(name, sorted(zones), 1)
        raise SettingsError(
            f"'{name}' is not a valid time zone (setting data.timezone).",
            f"Did you mean {near[0]}?" if near else "Use a name such as Europe/Berlin or UTC.",
        )
