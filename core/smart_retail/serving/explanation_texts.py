"""Texts of the reasons: one function per kind of reason. They state what was counted: association, not cause."""

from __future__ import annotations

from collections.abc import Sequence

NO_INTERVAL_DAYS = 0.5
"""A shorter mean gap between orders, in days, is not mentioned."""
FEW_BUYERS = 30
"""Customers; an item with fewer has "few buyers"."""
FEW_IN_GROUP = 5
"""Customers of a group; for fewer, no ratio to the other customers is stated."""


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


def bought_together(item: str, together: int, lift: float) -> str:
    """Return the reason of an item that is in the same orders as `item`.

    Parameters
    ----------
    item : str
        Name of a purchase of the customer; empty in a list of items related to one, which is named above it.
    together : int
        Orders with both items, 1 and up.
    lift : float
        How many times as often as by chance.
    """
    times = "once" if together == 1 else f"{together:,} times"
    return f"in the same order{f' as {item}' if item else ''} {times}, {_ratio(lift)} times as often as by chance"


def same_customers(item: str, together: int, customers: int) -> str:
    """Return the reason of an item that customers who buy `item` buy too.

    Parameters
    ----------
    item : str
        Name of a purchase of the customer; empty as in `bought_together`.
    together : int
        Customers who buy both items.
    customers : int
        Customers who buy `item`.
    """
    also = "buys" if together == 1 else "buy"
    who = "customer who buys" if customers == 1 else "customers who buy"
    return f"{together:,} of the {customers:,} {who} {item or 'it'} also {also} this"


def by_proxy(text: str, proxy: str, item: str) -> str:
    """Return a reason that follows from an item without purchases by way of one that is similar to it.

    Parameters
    ----------
    text : str
        What was counted with `proxy`.
    proxy : str
        Name of a purchased item.
    item : str
        Name of the item without purchases.
    """
    return f"{text}; {proxy} is similar to {item}"


def category(customers: int, name: str) -> str:
    """Return the reason of an item that has too few buyers in common with the purchases of the customer.

    Parameters
    ----------
    customers : int
        Customers who bought the item.
    name : str
        Category of the item if the customer buys other products of it; otherwise empty.
    """
    if customers == 0:
        buyers = "no buyers yet"
    elif customers < FEW_BUYERS:
        buyers = f"few buyers so far ({customers})"
    else:
        buyers = f"bought by {customers:,} customers"
    return f"{buyers}; others in {name}" if name else buyers


def group(name: str, buyers: int, customers: int, lift: float | None) -> str:
    """Return the reason of an item that is popular in the customer's cluster or segment.

    Parameters
    ----------
    name : str
        Name of the group.
    buyers : int
        Customers of the group who bought the item.
    customers : int
        Customers of the group.
    lift : float or None
        How many times as large the share of buyers is in the group as among the other customers; None if there are no
        others who bought the item.
    """
    if lift is not None and buyers >= FEW_IN_GROUP and round(lift, 1) > 1:
        return f"bought {_ratio(lift)} times as often by {name} customers as by others"
    return f"bought by {buyers:,} of the {customers:,} {name} customers"


def popular(orders: int, recent_orders: int, all_recent_orders: int) -> str:
    """Return the reason of a popular item.

    Parameters
    ----------
    orders : int
        All orders with the item.
    recent_orders : int
        Orders with the item in the last four weeks.
    all_recent_orders : int
        All orders of the last four weeks.
    """
    if recent_orders:
        return f"popular: in {recent_orders:,} of the {all_recent_orders:,} orders of the last four weeks"
    return f"popular: in {orders:,} order{'' if orders == 1 else 's'}" if orders else "no orders yet"


def trending(orders: int, previous_orders: int) -> str:
    """Return the reason of an item by its orders of the last four weeks and of the four weeks before."""
    counted = f"{orders:,} order{'' if orders == 1 else 's'} in four weeks, {previous_orders:,} in the four before"
    return f"rising: {counted}" if orders > previous_orders else counted


def similar(
    item: str, *, same_category: bool, similar_name: bool, same_brand: bool = False, words: Sequence[str] = ()
) -> str:
    """Return the reason of an item with content similar to `item`, a purchase of the customer.

    Parameters
    ----------
    item : str
        Name of the purchase.
    same_category, similar_name, same_brand : bool
        What both have in common.
    words : sequence of str
        Words that are in both descriptions.
    """
    checks = ((same_category, "same category"), (same_brand, "same brand"), (similar_name, "similar name"))
    found = [text for is_so, text in checks if is_so]
    found += [f"similar description ({', '.join(words)})"] if words else []
    return f"similar to {item}" + (f": {', '.join(found)}" if found else "")


def rule() -> str:
    """Return the reason of an item that a business rule pins or boosts."""
    return "promoted by the shop"


def _ratio(ratio: float) -> str:
    """Return a ratio with one decimal, from 10 on as a whole number."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def product_bundle(names: Sequence[str], support: int, lift: float, confidence: float) -> str:
    """Return what was counted for a product bundle.

    Parameters
    ----------
    names : sequence of str
        Names of its items, the consequent last.
    support : int
        Orders with all of them, 1 and up.
    lift : float
        How many times as often as by chance.
    confidence : float
        Share of the orders with all other items that also have the consequent, 0 to 1.
    """
    share = f"{100 * confidence:.1f} % of the orders with {' and '.join(names[:-1])} also have {names[-1]}"
    return f"{bought_together('', support, lift)}; {share}"


def substitute(customers: int, together: int, expected: float) -> str:
    """Return what was counted for a substitute.

    Parameters
    ----------
    customers : int
        Customers who bought both items.
    together : int
        Orders with both items, 0 and up.
    expected : float
        Orders with both items to expect by chance.
    """
    times = "never" if together == 0 else "once" if together == 1 else f"{together:,} times"
    return f"{customers:,} customers bought both, {times} in the same order; {expected:,.0f} times expected by chance"


def no_substitute(group: str, least: float) -> str:
    """Return why an item has no substitutes.

    Parameters
    ----------
    group : str
        The category that was searched, empty for none.
    least : float
        Common orders to expect, below which nothing is said.
    """
    where = f" in {group}" if group else ""
    return (
        f"No product{where} is a clear substitute: bought by the same customers, but less often in one order than "
        f"expected. At least {least:.0f} expected orders are needed to say so."
    )


def audience_member(position: int | None, related: str) -> str:
    """Return why a customer would want an item.

    Parameters
    ----------
    position : int or None
        Position of the item in the customer's list, 1 and up; None if it is not in the list.
    related : str
        How a purchase of the customer and the item are related; empty if none is.
    """
    listed = "" if position is None else f"number {position} in the list of this customer"
    return "; ".join(part for part in (listed, related) if part) or "bought similar products"


def audience_note(customers: int, is_allowed: bool) -> str:
    """Return a remark on an audience: that it is empty, or that the business rules do not allow the item."""
    if not customers:
        return "No customer bought products of the same customers, or all of them have bought this product."
    return "" if is_allowed else "The business rules do not allow this product in lists."
