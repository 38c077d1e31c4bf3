"""Purchase histories of a few customers from the days of their orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.utils.fixed_point import MILLION


def history_of(days: Mapping[int, Sequence[int]], n_customers: int | None = None) -> PurchaseHistory:
    """Return a history with one order of one item on each day.

    Parameters
    ----------
    days : mapping
        Customer code -> days of its orders, in order; a day that occurs twice has two orders.
    n_customers : int, optional
        By default one more than the largest code.
    """
    pairs = [(customer, day) for customer in sorted(days) for day in days[customer]]
    n = len(pairs)
    return PurchaseHistory(
        customer=np.array([customer for customer, _ in pairs], np.int32),
        order=np.arange(n, dtype=np.int32),
        item=np.zeros(n, np.int32),
        day=np.array([day for _, day in pairs], np.int32),
        quantity=np.full(n, MILLION, np.int64),
        amount=np.full(n, MILLION, np.int64),
        n_customers=max(days, default=-1) + 1 if n_customers is None else n_customers,
        n_items=1,
        last_day=max((day for _, day in pairs), default=0),
    )
