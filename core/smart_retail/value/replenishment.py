"""Replenishment: the day on which each customer is due to buy an item again.

In: purchases of items by customers. Out: `DuePurchases`. The interval of a customer and an item is the mean of the
customer's own gaps, shrunk towards the item's mean gap over all its buyers, which is shrunk towards the shop's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ITEM_PRIOR_GAPS = 2.0
"""Gaps of the item's mean that count as much as one's own when a customer's interval is estimated."""
SHOP_PRIOR_GAPS = 10.0
"""Gaps of the shop's mean that count when an item's interval is estimated."""
MIN_INTERVAL_DAYS = 1.0


@dataclass(frozen=True, slots=True)
class ItemIntervals:
    """Mean days between two purchases of each item by the same customer."""

    days: NDArray[np.float64]
    """Shrunk to the shop's mean, shape ``(n_items,)``."""

    @classmethod
    def from_pairs(cls, pairs: ItemPurchases, n_items: int) -> ItemIntervals:
        """Estimate the intervals of all items."""
        gaps = np.bincount(pairs.item, pairs.purchases - 1, n_items).astype(np.float64)
        days = np.bincount(pairs.item, pairs.last - pairs.first, n_items).astype(np.float64)
        shop = float(days.sum() / gaps.sum()) if gaps.sum() > 0 else 0.0
        return cls((days + SHOP_PRIOR_GAPS * shop) / (gaps + SHOP_PRIOR_GAPS))


@dataclass(frozen=True, slots=True)
class ItemPurchases:
    """Purchase days of each customer and item, one row per pair, sorted by customer and item."""

    customer: NDArray[np.int32]
    item: NDArray[np.int32]
    first: NDArray[np.int32]
    """Day of the first purchase (days since 1970-01-01)."""
    last: NDArray[np.int32]
    """Day of the last purchase (days since 1970-01-01)."""
    purchases: NDArray[np.int32]
    """Distinct days with a purchase, at least 1."""

    def __len__(self) -> int:
        return len(self.customer)

    @classmethod
    def from_lines(cls, customer: NDArray[np.int32], item: NDArray[np.int32], day: NDArray[np.int32]) -> ItemPurchases:
        """Aggregate order lines, in any order."""
        if not len(customer):
            none = np.zeros(0, np.int32)
            return cls(none, none, none, none, none)
        order = np.lexsort((day, item, customer))
        customer, item, day = customer[order], item[order], day[order]
        new_pair = np.ones(len(customer), bool)
        new_pair[1:] = (customer[1:] != customer[:-1]) | (item[1:] != item[:-1])
        new_day = new_pair.copy()
        new_day[1:] |= day[1:] != day[:-1]
        start = np.flatnonzero(new_pair)
        end = np.append(start[1:], len(customer)) - 1
        count = np.add.reduceat(new_day.astype(np.int32), start)
        return cls(customer[start], item[start], day[start], day[end], count)

    def repeated(self) -> ItemPurchases:
        """Return the pairs with at least two purchase days."""
        rows = np.flatnonzero(self.purchases > 1)
        return ItemPurchases(
            self.customer[rows], self.item[rows], self.first[rows], self.last[rows], self.purchases[rows]
        )


@dataclass(frozen=True, slots=True)
class DuePurchases:
    """Rows of `pairs` that are due within a calendar, sorted by due day, customer and item."""

    pairs: ItemPurchases
    rows: NDArray[np.int64]
    interval: NDArray[np.float64]
    """Days, of each row."""
    due: NDArray[np.int64]
    """Due day of each row (days since 1970-01-01)."""

    def __len__(self) -> int:
        return len(self.rows)


def due_purchases(pairs: ItemPurchases, items: ItemIntervals, start_day: int, days: int) -> DuePurchases:
    """Return what is due from `start_day` to ``start_day + days - 1``.

    Parameters
    ----------
    pairs : ItemPurchases
        Pairs with a single purchase day are not due: one purchase does not show that the item is bought again.
    items : ItemIntervals
    start_day : int
        First day of the calendar (days since 1970-01-01).
    days : int
        Length of the calendar.

    Returns
    -------
    DuePurchases
        Without overdue purchases, so that calendars of consecutive weeks have no entry in common.
    """
    gaps = (pairs.purchases - 1).astype(np.float64)
    prior = items.days[pairs.item]
    interval = (pairs.last - pairs.first + ITEM_PRIOR_GAPS * prior) / (gaps + ITEM_PRIOR_GAPS)
    interval = np.maximum(interval, MIN_INTERVAL_DAYS)
    due: NDArray[np.int64] = pairs.last.astype(np.int64) + np.rint(interval).astype(np.int64)
    rows = np.flatnonzero((gaps > 0) & (due >= start_day) & (due < start_day + days))
    rows = rows[np.lexsort((pairs.item[rows], pairs.customer[rows], due[rows]))]
    return DuePurchases(pairs, rows, interval[rows], due[rows])
