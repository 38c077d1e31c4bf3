"""Texts of the reasons: one function per kind of reason. They describe association, not cause."""

from __future__ import annotations

NO_INTERVAL_DAYS = 0.5
"""A shorter mean gap between orders, in days, is not mentioned."""


def buy_again(orders: int, interval_days: float | None) -> str:
    """Return the reason of a repeat purchase.

    Parameters
    ----------
    orders : int
        Orders of the item by the customer.
    interval_days : float or None
        Mean days between these orders; None if it is unknown.
    """
    times = "once" if orders == 1 else f"{orders} times"
    if interval_days is None or interval_days < NO_INTERVAL_DAYS:
        return f"bought {times}"
    days = round(interval_days)
    return f"bought {times}, about every {'day' if days == 1 else f'{days} days'}"


def bought_together(item: str) -> str:
    """Return the reason of an item that is often in the same orders as `item`, a purchase of the customer."""
    return f"often bought with {item}"


def cluster(name: str) -> str:
    """Return the reason of an item that is popular in the customer's cluster."""
    return f"popular with {name} customers"


def segment(name: str) -> str:
    """Return the reason of an item that is popular in the customer's RFM segment."""
    return f"popular with {name} customers"


def popular() -> str:
    """Return the reason of a popular item."""
    return "popular"


def trending(orders: int) -> str:
    """Return the reason of an item whose orders increase; `orders` counts the last four weeks."""
    return f"rising: {orders:,} order{'' if orders == 1 else 's'} in four weeks"


def similar(item: str) -> str:
    """Return the reason of an item with a name and category similar to `item`, a purchase of the customer."""
    return f"similar to {item}"


def rule() -> str:
    """Return the reason of an item that a business rule pins or boosts."""
    return "promoted by the shop"
