"""`Event`: a validated purchase or return that a shop reports after the fit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from smart_retail.errors import DataError
from smart_retail.utils.dates import EPOCH, MAX_DAYS_AHEAD, last_plausible_day

MAX_TEXT_LENGTH: Final = 1000
MILLION: Final = 1_000_000
MAX_VALUE: Final = 1e9
"""Largest absolute quantity (units) and amount (the shop's currency) of an event: a sum of 9,000 such lines still fits
into int64 millionths."""

FIELDS: Final = ("event_id", "customer_id", "order_id", "item_id", "timestamp", "quantity", "amount")


@dataclass(frozen=True, slots=True)
class Event:
    """A purchase (quantity above 0) or a return (below 0) of one item."""

    event_id: str
    customer_id: str
    order_id: str
    item_id: str
    timestamp: str
    """ISO 8601, in the shop's time zone."""
    quantity: int
    """Units in millionths; negative for a return."""
    amount: int
    """Net revenue of the line in millionths of the shop's currency; negative for a return."""
    sequence: int = 0
    """Sequence number in the store, 1 and up; 0 before the event is stored."""

    @classmethod
    def from_dict(cls, data: dict[str, Any], now: datetime | None = None) -> Event:
        """Return the event of JSON data; without an order id, the event id is used.

        Parameters
        ----------
        data : dict
            Fields of the event.
        now : datetime, optional
            Current time in UTC; by default that of the system.

        Raises
        ------
        DataError
            A value is missing or not valid, or the event is dated more than `MAX_DAYS_AHEAD` days after `now`.
        """
        texts = {name: _text(data, name) for name in ("event_id", "customer_id", "item_id", "timestamp")}
        try:
            day = datetime.fromisoformat(texts["timestamp"])
        except ValueError as error:
            raise DataError(
                f"The timestamp {texts['timestamp']!r} is not a valid ISO date.", "Write 2026-01-31T14:05:00."
            ) from error
        if (day.date() - EPOCH).days > last_plausible_day(now):
            raise DataError(
                f"The timestamp {texts['timestamp']!r} is more than {MAX_DAYS_AHEAD} days in the future.",
                "Check the date of the event and the clock of this machine.",
            )
        quantity, amount = _millionths(data, "quantity", 1), _millionths(data, "amount", 0)
        if quantity == 0:
            raise DataError("The quantity of an event is 0.", "Give the number of units, negative for a return.")
        return cls(
            texts["event_id"],
            texts["customer_id"],
            _text(data, "order_id") if data.get("order_id") else texts["event_id"],
            texts["item_id"],
            day.replace(tzinfo=None).isoformat(timespec="seconds"),
            quantity,
            abs(amount) if quantity > 0 else -abs(amount),
        )


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value or len(value) > MAX_TEXT_LENGTH or not _is_storable(value):
        raise DataError(
            f"The {name} of an event is missing or not a text.",
            f"Give {name} as a text of at most {MAX_TEXT_LENGTH} characters.",
        )
    return value


def _is_storable(text: str) -> bool:
    """Return whether a database can store the text: it has no NUL and no lone surrogates."""
    return "\0" not in text and text.encode("utf-8", "ignore") == text.encode("utf-8", "surrogatepass")


def _millionths(data: dict[str, Any], name: str, default: float) -> int:
    value = data.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise DataError(f"`{name}` of an event must be a number.", f"Write {name} as a number, such as 2.")
    if abs(value) > MAX_VALUE:
        raise DataError(
            f"The {name} of an event is larger than {MAX_VALUE:,.0f}.",
            f"Check the {name}, or split the line into several events.",
        )
    return round(value * MILLION)
