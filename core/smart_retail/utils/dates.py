"""Calendar dates as days since 1970-01-01."""

from __future__ import annotations

from datetime import date, timedelta

EPOCH = date(1970, 1, 1)


def iso(day: int) -> str:
    """ISO text of days since 1970-01-01."""
    return (EPOCH + timedelta(days=int(day))).isoformat()
