"""The purchase history that recommenders and evaluation work on: kept purchase lines as integer arrays.

Rows are in one canonical order, so that no result depends on the order of input rows, threads or back end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.utils.csr import concat_ranges, indptr_from_lengths


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
        return indptr_from_lengths(np.bincount(self.customer, minlength=self.n_customers))

    def take(
        self, rows: NDArray[Any] | slice, customer: NDArray[np.int32] | None = None, n_customers: int | None = None
    ) -> PurchaseHistory:
        """Return some rows as a history with the same items and last day.

        Parameters
        ----------
        rows : slice, or array of positions or bools
            Rows to keep, in canonical order.
        customer : int32 array, optional
            New customer codes of the kept rows; by default the codes stay.
        n_customers : int, optional
            Number of customers of the result; by default that of this history.
        """
        return PurchaseHistory(
            customer=self.customer[rows] if customer is None else customer,
            order=self.order[rows],
            item=self.item[rows],
            day=self.day[rows],
            quantity=self.quantity[rows],
            amount=self.amount[rows],
            n_customers=self.n_customers if n_customers is None else n_customers,
            n_items=self.n_items,
            last_day=self.last_day,
        )

    def select(self, customers: NDArray[np.int32]) -> PurchaseHistory:
        """Return the rows of some customers, recoded 0.. in the order given (duplicates allowed)."""
        indptr = self.indptr
        starts, lengths = indptr[customers], indptr[customers + 1] - indptr[customers]
        codes = np.repeat(np.arange(len(customers), dtype=np.int32), lengths)
        return self.take(concat_ranges(starts, lengths), codes, len(customers))

    @classmethod
    def concat(cls, histories: Sequence[PurchaseHistory]) -> PurchaseHistory:
        """Return histories of one customer each as one history; history i becomes customer i."""
        first = histories[0]
        return cls(
            customer=np.repeat(np.arange(len(histories), dtype=np.int32), [len(h) for h in histories]),
            order=np.concatenate([h.order for h in histories]),
            item=np.concatenate([h.item for h in histories]),
            day=np.concatenate([h.day for h in histories]),
            quantity=np.concatenate([h.quantity for h in histories]),
            amount=np.concatenate([h.amount for h in histories]),
            n_customers=len(histories),
            n_items=first.n_items,
            last_day=first.last_day,
        )
