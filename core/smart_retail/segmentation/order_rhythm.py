"""How often a customer usually orders: the usual interval, and recency counted in it.

In: the purchases of customers. Out: days between two orders of each customer, and days since the last order divided by
them. NumPy only.

The usual interval of a customer is the mean of the customer's own intervals, shrunk towards the shop's median by the
number of intervals: ``(days from first to last order + 2 x median) / (intervals + 2)``. It is the reciprocal of the
posterior mean of an order rate under a gamma prior, as in Fader, Hardie and Lee, "Counting Your Customers the Easy Way"
(Marketing Science, 2005), here with the weight of 2 intervals of the shop's median. If a customer still orders at the
usual rate, as a Poisson process, the probability of more than x usual intervals without an order is ``exp(-x)``: 37 %
for 1, 14 % for 2, 5 % for 3, 0.7 % for 5.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory

PRIOR_INTERVALS: Final = 2.0
"""Intervals of the shop's median that count as much as a customer's own."""
MIN_INTERVAL_DAYS: Final = 1.0
INTERVAL_CUTS: Final = (1.0, 2.0, 3.0, 5.0)
"""Usual intervals since the last order up to which a customer has the recency score 5, 4, 3 and 2."""
DECIMALS: Final = 1
"""Decimals of recency in intervals: a customer is scored by the number that screens show."""


def count_intervals(history: PurchaseHistory) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the intervals of each customer and the days that they cover, shape ``(n_customers,)`` each.

    Orders of one day count as one. A customer with orders on fewer than two days has no interval.

    Parameters
    ----------
    history : PurchaseHistory
        Rows sorted by customer and day.
    """
    n = history.n_customers
    customer, day = history.customer, history.day.astype(np.int64)
    begins = np.ones(len(customer), np.bool_)
    begins[1:] = (customer[1:] != customer[:-1]) | (day[1:] != day[:-1])
    days = np.bincount(customer[begins], minlength=n)
    first = np.full(n, np.iinfo(np.int64).max)
    last = np.full(n, np.iinfo(np.int64).min)
    np.minimum.at(first, customer, day)
    np.maximum.at(last, customer, day)
    return np.maximum(days - 1, 0), np.where(days > 0, last - first, 0)


def median_interval(history: PurchaseHistory) -> float:
    """Return the median of the mean intervals of the customers, in days; 1 if no customer has ordered twice."""
    intervals, days = count_intervals(history)
    repeated = intervals > 0
    if not repeated.any():
        return MIN_INTERVAL_DAYS
    return max(float(np.median(days[repeated] / intervals[repeated])), MIN_INTERVAL_DAYS)


def usual_intervals(history: PurchaseHistory, shop_interval: float) -> NDArray[np.float64]:
    """Return the usual days between two orders of each customer, at least 1, shape ``(n_customers,)``.

    Parameters
    ----------
    history : PurchaseHistory
    shop_interval : float
        Days, as of `median_interval`; the usual interval of a customer who ordered once.
    """
    intervals, days = count_intervals(history)
    usual = (days + PRIOR_INTERVALS * shop_interval) / (intervals + PRIOR_INTERVALS)
    return np.maximum(usual, MIN_INTERVAL_DAYS)


def recency_in_intervals(
    recency: NDArray[np.int64], history: PurchaseHistory, shop_interval: float
) -> NDArray[np.float64]:
    """Return days since the last order in usual intervals of each customer, rounded to `DECIMALS`."""
    return np.round(recency / usual_intervals(history, shop_interval), DECIMALS)
