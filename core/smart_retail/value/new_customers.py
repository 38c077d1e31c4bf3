"""Revenue of customers who order for the first time, as much as in an earlier window of the same length."""

from __future__ import annotations

import numpy as np

from smart_retail.value.purchase_days import PurchaseDays

YEAR = 364
MIN_HISTORY_DAYS = 180
"""Days of history before a window. In the first months of a history, old customers look like new ones."""
STEP_DAYS = 30
MAX_WINDOWS = 12
MIN_ERROR = 0.1
"""Least standard error, as a share of the estimate."""
UNTESTED_ERROR = 0.3


def new_customer_spend(days: PurchaseDays, horizon: int) -> tuple[float, float] | None:
    """Return expected spend and its standard error of new customers in the next `horizon` days.

    The estimate is the spend of that window a year ago, times the growth from the window a year before to the latest
    one, or that of the latest window where the history has no two years. The error is that of the same rule on earlier
    windows.

    Parameters
    ----------
    days : PurchaseDays
        All customers of the shop.
    horizon : int
        Days.

    Returns
    -------
    tuple of float, or None
        In shop currency; None if the history is too short to distinguish new customers from old ones.
    """
    first = np.full(days.n_customers, days.end_day, np.int64)
    first[days.customer[::-1]] = days.day[::-1]
    joined = first[days.customer]

    def spend(start: int) -> float:
        rows = (joined >= start) & (days.day >= start) & (days.day < start + horizon)
        return float(np.maximum(days.amount[rows], 0.0).sum())

    def estimate(start: int) -> float | None:
        if start - horizon - days.first_day < MIN_HISTORY_DAYS:
            return None
        latest = spend(start - horizon)
        if start - horizon - YEAR - days.first_day < MIN_HISTORY_DAYS:
            return latest
        year_ago, before = spend(start - YEAR), spend(start - horizon - YEAR)
        # Half of the growth is carried on, at most by a factor of two.
        growth = float(np.clip(latest / before, 0.5, 2.0)) if before > 0 else 1.0
        return year_ago * float(np.sqrt(growth))

    found = estimate(days.end_day)
    if found is None:
        return None
    errors = []
    for k in range(MAX_WINDOWS):
        start = days.end_day - horizon - k * STEP_DAYS
        guess = estimate(start)
        if guess is None:
            break
        actual = spend(start)
        errors.append((guess - actual) / max(guess, actual, 1e-9))
    share = max(float(np.sqrt(np.mean(np.square(errors)))), MIN_ERROR) if errors else UNTESTED_ERROR
    return found, share * found
