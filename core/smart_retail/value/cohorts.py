"""Cohorts: customers by the period of their first order, with retention and cumulative value.

In: `PurchaseDays`. Out: `CohortMatrix`, whose cell (i, j) is period j of the customers who first ordered in period i.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.value.purchase_days import PurchaseDays

_MONTHS = {"month": 1, "quarter": 3}


@dataclass(frozen=True, slots=True)
class CohortMatrix:
    """Cohorts by period, the oldest first."""

    starts: NDArray[np.int64]
    """First day of each period (days since 1970-01-01), and the first day after the last one, ``(n_periods + 1,)``."""
    customers: NDArray[np.int64]
    """Customers of each cohort, shape ``(n_periods,)``."""
    active: NDArray[np.int64]
    """Customers of cohort i with an order in period j, shape ``(n_periods, n_periods)``."""
    amount: NDArray[np.float64]
    """Their kept amount in period j, same shape."""

    def retention(self) -> NDArray[np.float64]:
        """Share of cohort i that ordered j periods after its first, NaN beyond the history, same shape."""
        return self._by_age(self.active / np.maximum(self.customers, 1)[:, None])

    def cumulative_value(self) -> NDArray[np.float64]:
        """Mean amount per customer of cohort i until the end of the j-th period after its first."""
        total = self.amount.cumsum(axis=1)
        return self._by_age(total / np.maximum(self.customers, 1)[:, None])

    def _by_age(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        n = len(self.customers)
        out = np.full((n, n), np.nan)
        for i in range(n):
            out[i, : n - i] = table[i, i:]
        return out


def cohort_matrix(days: PurchaseDays, period: str) -> CohortMatrix:
    """Compute the cohorts of all customers with an order.

    Parameters
    ----------
    days : PurchaseDays
    period : str
        week, month or quarter; weeks begin on Monday.
    """
    starts = _period_starts(days.first_day, days.end_day - 1, period)
    n = len(starts) - 1
    at = np.searchsorted(starts, days.day, side="right") - 1
    first = np.full(days.n_customers, n, np.int64)
    first[days.customer[::-1]] = at[::-1]
    cohort = first[days.customer]
    cell = cohort * n + at
    # One customer counts once per period: rows are sorted by customer and day.
    new = np.ones(len(days), bool)
    new[1:] = (days.customer[1:] != days.customer[:-1]) | (at[1:] != at[:-1])
    return CohortMatrix(
        starts=starts,
        customers=np.bincount(first[first < n], minlength=n),
        active=np.bincount(cell[new], minlength=n * n).reshape(n, n),
        amount=np.bincount(cell, days.amount, n * n).astype(np.float64).reshape(n, n),
    )


def _period_starts(first: int, last: int, period: str) -> NDArray[np.int64]:
    """First days of the periods from `first` to `last`, and the first day after them."""
    if last < first:
        return np.array([first], np.int64)
    if period == "week":
        monday = first - (first + 3) % 7
        return np.arange(monday, last + 8, 7, dtype=np.int64)[: (last - monday) // 7 + 2]
    step = _MONTHS[period]
    low, high = (int(np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64)) for day in (first, last))
    low -= low % step
    months = np.arange(low, high + step + 1, step)
    months = months[: (high - low) // step + 2]
    starts: NDArray[np.int64] = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return starts
