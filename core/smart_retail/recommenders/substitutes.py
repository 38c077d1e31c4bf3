"""Substitutes of an item: items of its category that the same customers buy, but rarely in one order.

In: the purchase lines of a shop by customer. Out: counts of customers and orders, with the orders to expect if each
customer put the two items into orders independently of each other. Only NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_pairs import MIN_LIFT

MIN_EXPECTED: Final = 5.0
"""Expected common orders below which their absence says nothing."""
MAX_SHARE: Final = 0.5
"""Largest share of the expected common orders that a substitute has."""
DEVIATIONS: Final = 1.645
"""Standard deviations by which the common orders are below the expected ones: 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class SubstituteCounts:
    """Counts of an item with each substitute, best first; all arrays have one element for each substitute."""

    item: NDArray[np.int64]
    customers: NDArray[np.int64]
    """Customers who bought both."""
    together: NDArray[np.int64]
    """Orders with both."""
    expected: NDArray[np.float64]
    """Orders with both to expect: the sum over customers of (orders with the one x orders with the other / orders)."""
    similarity: NDArray[np.float64]
    """Cosine similarity over customers, 0 to 1."""


def count_substitutes(
    lines: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    orders: NDArray[np.int64],
    item: int,
    candidates: NDArray[np.bool_],
    buyers: NDArray[np.int32],
    min_support: int,
) -> SubstituteCounts:
    """Count the substitutes of an item.

    Parameters
    ----------
    lines : (int32, int32, int32) arrays, shape (n,)
        Customer, order and item of each purchase line, one line for each item of an order.
    orders : int64 array, shape (n_customers,)
        Orders of each customer.
    item : int
        Item code.
    candidates : bool array, shape (n_items,)
        Items that can be a substitute, such as those of the same category.
    buyers : int32 array, shape (n_items,)
        Customers by item code.
    min_support : int
        Customers who bought both, at least.

    Returns
    -------
    SubstituteCounts
        Items that more customers buy with the item than by chance, and that are in fewer common orders than expected:
        at least `MIN_EXPECTED` are expected, at most `MAX_SHARE` of them exist, and the difference is larger than
        `DEVIATIONS` standard deviations. The order is by similarity times the share of the expected orders that is
        missing.
    """
    customer, order, code = lines
    n_items = len(buyers)
    own = np.flatnonzero(code == item)
    own_orders = np.bincount(customer[own], minlength=len(orders))
    share = own_orders / np.maximum(orders, 1)
    has_item = np.zeros(int(order[-1]) + 1 if len(order) else 0, np.bool_)
    has_item[order[own]] = True
    usable = candidates.copy()
    usable[item] = False
    rows = np.flatnonzero(usable[code] & (own_orders[customer] > 0))
    customer, order, code = customer[rows], order[rows], code[rows]
    expected = np.bincount(code, weights=share[customer], minlength=n_items).astype(np.float64)
    together = np.bincount(code[has_item[order]], minlength=n_items)
    pairs = np.unique(customer.astype(np.int64) * n_items + code)
    both = np.bincount(pairs % max(n_items, 1), minlength=n_items)
    n_customers = int(np.count_nonzero(orders))
    by_chance = float(buyers[item]) * buyers / max(n_customers, 1)
    is_similar = (both >= min_support) & (both >= MIN_LIFT * by_chance)
    is_apart = (expected >= MIN_EXPECTED) & (together <= MAX_SHARE * expected)
    is_apart &= expected - together > DEVIATIONS * np.sqrt(expected)
    found = np.flatnonzero(is_similar & is_apart)
    similarity = both[found] / np.sqrt(float(buyers[item]) * buyers[found])
    best = np.argsort(-similarity * (1 - together[found] / expected[found]), kind="stable")
    found, similarity = found[best], similarity[best]
    return SubstituteCounts(found, both[found], together[found], expected[found], similarity)
