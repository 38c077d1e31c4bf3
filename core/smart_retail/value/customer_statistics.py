"""Sufficient statistics of the buy-till-you-die models: recency, frequency and age of each customer.

Reference: Fader, Hardie and Lee, "Counting Your Customers the Easy Way" (Marketing Science, 2005).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.value.purchase_days import PurchaseDays


@dataclass(frozen=True, slots=True)
class CustomerStatistics:
    """Recency, frequency, age and mean amount, shape ``(n_customers,)`` each.

    A customer without an order has frequency 0, recency 0 and age 0; `known` is False.
    """

    frequency: NDArray[np.float64]
    """Repeat purchase days: days with an order after the first one."""
    recency: NDArray[np.float64]
    """Days from the first to the last purchase day."""
    age: NDArray[np.float64]
    """Days from the first purchase day to the end of the history, at least 1."""
    orders: NDArray[np.float64]
    """Distinct orders."""
    amount: NDArray[np.float64]
    """Total kept amount in shop currency, returns netted."""
    known: NDArray[np.bool_]
    """Whether the customer has at least one order."""

    @classmethod
    def from_purchase_days(cls, days: PurchaseDays) -> CustomerStatistics:
        """Compute the statistics as of `days.end_day`."""
        n = days.n_customers
        count = np.bincount(days.customer, minlength=n).astype(np.float64)
        first = np.full(n, days.end_day, np.int64)
        last = np.full(n, days.end_day, np.int64)
        last[days.customer] = days.day
        first[days.customer[::-1]] = days.day[::-1]
        known = count > 0
        return cls(
            frequency=np.maximum(count - 1, 0),
            recency=np.where(known, last - first, 0).astype(np.float64),
            age=np.where(known, days.end_day - first, 0).astype(np.float64),
            orders=np.bincount(days.customer, days.orders, n).astype(np.float64),
            amount=np.bincount(days.customer, days.amount, n).astype(np.float64),
            known=known,
        )

    def select(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> CustomerStatistics:
        """Return the statistics of some customers."""
        return CustomerStatistics(
            self.frequency[rows],
            self.recency[rows],
            self.age[rows],
            self.orders[rows],
            self.amount[rows],
            self.known[rows],
        )
