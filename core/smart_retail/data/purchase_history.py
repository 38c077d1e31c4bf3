"""A coded purchase history: what the recommenders and the evaluation work on.

In: kept purchase lines. Out: `History`, integer columns in one canonical order, so that no result
depends on the order of rows, threads or back end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PurchaseHistory:
    """Kept purchases, one row per (customer, order, item), sorted by customer, day, order, item.

    Customers, items and orders are dense codes. Codes of customers and items are those of the whole
    fit, also in a slice of it: a customer without a purchase in the slice has no rows. Order codes
    ascend with (customer, day) and only mean something within one history.
    """

    customer: NDArray[np.int32]
    order: NDArray[np.int32]
    item: NDArray[np.int32]
    day: NDArray[np.int32]
    """Days since 1970-01-01 of the order's first line."""
    quantity: NDArray[np.int64]
    """Millionths."""
    amount: NDArray[np.int64]
    """Net revenue of the row, millionths."""
    n_customers: int
    n_items: int
    last_day: int
    """The history's own end (days since 1970-01-01): recency, decay and trend count back from here."""

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def indptr(self) -> NDArray[np.int64]:
        """Row bounds by customer, shape ``(n_customers + 1,)``."""
        counts = np.bincount(self.customer, minlength=self.n_customers)
        return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)

    def select(self, customers: NDArray[np.int32]) -> PurchaseHistory:
        """The rows of some customers, recoded 0.. in the order given (duplicates allowed)."""
        indptr = self.indptr
        starts, sizes = indptr[customers], indptr[customers + 1] - indptr[customers]
        rows = np.repeat(starts - np.concatenate(([0], np.cumsum(sizes)[:-1])), sizes) + np.arange(sizes.sum())
        return PurchaseHistory(
            customer=np.repeat(np.arange(len(customers), dtype=np.int32), sizes),
            order=self.order[rows],
            item=self.item[rows],
            day=self.day[rows],
            quantity=self.quantity[rows],
            amount=self.amount[rows],
            n_customers=len(customers),
            n_items=self.n_items,
            last_day=self.last_day,
        )


def concat_histories(parts: Sequence[PurchaseHistory]) -> PurchaseHistory:
    """Histories of one customer each as one history; part i is customer i."""
    first = parts[0]
    return PurchaseHistory(
        customer=np.repeat(np.arange(len(parts), dtype=np.int32), [len(p) for p in parts]),
        order=np.concatenate([p.order for p in parts]),
        item=np.concatenate([p.item for p in parts]),
        day=np.concatenate([p.day for p in parts]),
        quantity=np.concatenate([p.quantity for p in parts]),
        amount=np.concatenate([p.amount for p in parts]),
        n_customers=len(parts),
        n_items=first.n_items,
        last_day=first.last_day,
    )
